// Package api tests the exported API of the packages that other modules may
// import: they can use no type of a package below internal/, so no exported
// signature may have one.
package api

import (
	"fmt"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// public are the packages that other modules may import.
var public = []string{"app", "constructs", "feed", "records", "snowflake", "snowflake/client", "snowflake/deploy"}

func TestNoInternalTypesInTheAPI(t *testing.T) {
	var patterns []string
	for _, name := range public {
		patterns = append(patterns, "../../"+name)
	}
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedModule | packages.NeedExportFile}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded) != len(public) {
		t.Fatalf("%d packages, want %d", len(loaded), len(public))
	}
	for _, p := range loaded {
		for _, err := range p.Errors {
			t.Fatal(err)
		}
		for _, found := range internalTypes(p.Types) {
			t.Errorf("%s: %s", p.PkgPath, found)
		}
	}
}

// The walk finds internal types wherever a signature may have one.
func TestInternalTypesAreFound(t *testing.T) {
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps}, "./testdata/leaky")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(internalTypes(loaded[0].Types), "\n")
	for _, name := range []string{"Alias", "Embeds.Type", "Func", "Generic", "Interface.Method", "Plain.Field", "Plain.Method", "Slice", "Variable"} {
		if !strings.Contains(got, name+" ") {
			t.Errorf("%s is not found in\n%s", name, got)
		}
	}
	if strings.Contains(got, "hidden") {
		t.Errorf("what is not exported is found in\n%s", got)
	}
}

// internalTypes returns a line for each exported name of a package whose type
// has a type of an internal package.
func internalTypes(p *types.Package) []string {
	w := &walk{seen: map[types.Type]bool{}}
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		w.where = name
		if object, ok := object.(*types.TypeName); ok && !object.IsAlias() {
			w.declared(object.Type())
			continue
		}
		w.visit(object.Type())
	}
	return w.found
}

type walk struct {
	where string
	seen  map[types.Type]bool
	found []string
}

// declared visits what a declared type exports: its underlying type, its fields
// and its methods, with those that are promoted.
func (w *walk) declared(t types.Type) {
	name := w.where
	w.visit(t.Underlying())
	methods := types.NewMethodSet(types.NewPointer(t))
	for i := range methods.Len() {
		if m := methods.At(i).Obj(); m.Exported() {
			w.where = name + "." + m.Name()
			w.visit(m.Type())
		}
	}
	w.where = name
}

// visit visits the types that a type is made of.
func (w *walk) visit(t types.Type) {
	switch t := t.(type) {
	case *types.Named:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Alias:
		w.named(t.Obj(), t.TypeArgs())
		w.visit(t.Rhs())
	case *types.Pointer:
		w.visit(t.Elem())
	case *types.Slice:
		w.visit(t.Elem())
	case *types.Array:
		w.visit(t.Elem())
	case *types.Chan:
		w.visit(t.Elem())
	case *types.Map:
		w.visit(t.Key())
		w.visit(t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			w.visit(v.Type())
		}
	case *types.Signature:
		w.visit(t.Params())
		w.visit(t.Results())
	case *types.TypeParam:
		w.visit(t.Constraint())
	case *types.Union:
		for term := range t.Terms() {
			w.visit(term.Type())
		}
	case *types.Struct:
		w.fields(t)
	case *types.Interface:
		w.interfaceOf(t)
	}
}

func (w *walk) named(name *types.TypeName, arguments *types.TypeList) {
	if p := name.Pkg(); p != nil && strings.Contains(p.Path()+"/", "/internal/") {
		w.found = append(w.found, fmt.Sprintf("%s has the internal type %s.%s", w.where, p.Path(), name.Name()))
	}
	for t := range arguments.Types() {
		w.visit(t)
	}
}

func (w *walk) fields(t *types.Struct) {
	name := w.where
	for field := range t.Fields() {
		if field.Exported() {
			w.where = name + "." + field.Name()
			w.visit(field.Type())
		}
	}
	w.where = name
}

func (w *walk) interfaceOf(t *types.Interface) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	name := w.where
	for m := range t.Methods() {
		if m.Exported() {
			w.where = name + "." + m.Name()
			w.visit(m.Type())
		}
	}
	for embedded := range t.EmbeddedTypes() {
		w.visit(embedded)
	}
	w.where = name
}
