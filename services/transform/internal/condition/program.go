package condition

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// maxSource bounds an expression, in bytes.
const maxSource = 32 << 10

// source is an expression as it was written.
type source struct {
	text string
	// before is how many characters of a template stand before it.
	before int
}

// expression is a source that was found to be right.
type expression struct {
	source

	root   ast.Node
	config *conf.Config
}

// parse parses an expression and checks everything in it.
func (s source) parse() (x expression, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.mistakeAt(0, fmt.Sprintf("this cannot be read: %v", r))
		}
	}()
	if strings.TrimSpace(s.text) == "" {
		return x, s.mistakeAt(0, "there is no expression")
	}
	if len(s.text) > maxSource {
		return x, s.mistakeAt(0, fmt.Sprintf("an expression has at most %d KiB", maxSource>>10))
	}
	if !utf8.ValidString(s.text) {
		return x, s.mistakeAt(0, "this is not UTF-8")
	}
	config := newConfig()
	tree, err := parser.ParseWithConfig(s.text, config)
	if err != nil {
		return x, s.mistake(err)
	}
	x = expression{source: s, root: tree.Node, config: config}
	if err := x.checkLanguage(); err != nil {
		return x, err
	}
	if _, err := checker.Check(&parser.Tree{Node: x.root, Source: tree.Source}, config); err != nil {
		return x, s.mistake(err)
	}
	if err := x.checkUse(); err != nil {
		return x, err
	}
	return x, x.checkVocabulary()
}

// newConfig is the language: the environment, our functions, and nothing else.
func newConfig() *conf.Config {
	config := conf.CreateNew()
	config.DisableIfOperator = true
	config.Optimize = false
	config.Builtins = nil
	for _, name := range builtin.Names {
		config.Disabled[name] = true
	}
	examples := map[string]any{}
	for _, n := range environment {
		examples[n.name] = n.example()
	}
	config.WithEnv(examples)
	config.Functions = instructions
	return config
}

// kind is the type of the whole expression; Interface where that is not known before
// it is evaluated.
func (x expression) kind() reflect.Kind {
	if x.root.Nature().Nil {
		return reflect.Invalid
	}
	return x.root.Type().Kind()
}

// program is an expression for the machine of the language.
type program struct {
	source

	code *vm.Program
}

// compile compiles a part of the expression, which it changes: see patch. A condition is
// true or false whatever its value.
func (x expression) compile(node ast.Node, condition bool) (*program, error) {
	patch(&node)
	if condition {
		becomeTruth(&node)
	}
	code, err := compiler.Compile(&parser.Tree{Node: node, Source: file.NewSource(x.text)}, x.config)
	if err != nil {
		return nil, x.mistake(err)
	}
	return &program{x.source, code}, nil
}

// run evaluates the program. Errors have the column of what failed.
func (p *program) run(m *Machine, e *event.Event) (any, error) {
	m.event, m.spent = e, 0
	clear(m.whole)
	if m.env == nil {
		m.env, m.whole = map[string]any{machineName: m}, map[string]any{}
		m.vm.MemoryBudget = maxMemory
	}
	result, err := m.vm.Run(p.code, m.env)
	if err == nil {
		return result, nil
	}
	if at, ok := errors.AsType[*file.Error](err); ok {
		return nil, p.mistakeAt(at.From, at.Message)
	}
	return nil, fmt.Errorf("evaluate: %w", err)
}

// truth evaluates a program that is true or false. An error is left with the machine.
func (p *program) truth(m *Machine, e *event.Event) bool {
	result, err := p.run(m, e)
	if err != nil {
		m.fail(err)
	}
	matched, _ := result.(bool)
	return matched
}

// value evaluates a program. An error is left with the machine.
func (p *program) value(m *Machine, e *event.Event) fields.Value {
	result, err := p.run(m, e)
	if err == nil {
		var v fields.Value
		if v, err = m.toValue(result); err == nil {
			return v
		}
	}
	m.fail(err)
	return missing
}

// typeName is the type of the whole expression.
func (x expression) typeName() string { return x.root.Nature().String() }
