// Package local runs a local AWS on this machine, for development and tests: the
// services of moto with a gateway in front that adds what moto lacks (see
// local/aws), and a Lambda host that runs the functions (package lambdahost).
// Stacks are deployed with the cdk CLI.
//
//	env, err := local.Start(ctx, local.Options{Dir: "state", Repo: "."})
//	...
//	defer env.Close()
//	err = errors.Join(env.Bootstrap(ctx), env.Deploy(ctx, os.Stdout))
//
// It has one region, all accounts (see Env.AWSConfigOf), and keeps its state in
// memory. Where it is less strict or faster than AWS, the packages and Python
// modules say so; a resource type, property or policy element that it does not
// support is an error.
package local
