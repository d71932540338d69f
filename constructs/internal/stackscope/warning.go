package stackscope

import (
	"reflect"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
)

// AddWarning has the CDK show a warning wherever a construct is synthesized or
// deployed. The app can acknowledge it by its ID.
//
// It calls Annotations.AddWarningV2, which takes a third parameter, options, from
// some version of the CDK between 2.260 and 2.275 on. By reflection this module
// compiles with the versions before and after.
func AddWarning(of core.IConstruct, id, message string) {
	add := reflect.ValueOf(awscdk.Annotations_Of(of)).MethodByName("AddWarningV2")
	args := []reflect.Value{reflect.ValueOf(&id), reflect.ValueOf(&message)}
	for i := len(args); i < add.Type().NumIn(); i++ {
		args = append(args, reflect.Zero(add.Type().In(i)))
	}
	add.Call(args)
}
