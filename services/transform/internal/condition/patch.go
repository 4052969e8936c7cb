package condition

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// The machine of the language knows nothing of what is missing, and nothing of events.
// So everything but "and", "or", "not", "?:", "??" and predicates becomes an instruction
// of ours, which is a function that is given the Machine first. Its name is one that
// nobody can write: this and what it stands for.
const machineName = "·"

// instructions are all of them, and the functions as the type checker sees them.
var instructions = newInstructions()

type instruction = func(m *Machine, args []any) (any, error)

func newInstructions() map[string]*builtin.Function {
	all := map[string]*builtin.Function{}
	add := func(name string, do instruction) {
		name = machineName + name
		all[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
			m, _ := args[0].(*Machine)
			return do(m, args[1:])
		}}
	}
	for _, operator := range append(slices.Sorted(maps.Keys(arithmetic)), truths...) {
		add(operator, func(m *Machine, args []any) (any, error) { return m.operate(operator, args[0], args[1]) })
	}
	for _, n := range environment {
		add(n.name, func(m *Machine, args []any) (any, error) { return m.value(n, args) })
	}
	for _, f := range functions {
		all[f.name] = &builtin.Function{Name: f.name, Types: []reflect.Type{reflect.TypeOf(f.example)}}
		add(f.name, f.call)
	}
	add("true", func(_ *Machine, args []any) (any, error) {
		v, _ := args[0].(fields.Value)
		return args[0] == true || isTrue(v), nil
	})
	add("list", func(m *Machine, args []any) (any, error) { return m.listOf(args[0]) })
	add("get", func(m *Machine, args []any) (any, error) { return m.get(args[0], args[1]) })
	add("part", func(m *Machine, args []any) (any, error) { return m.part(args[0], args[1], args[2]) })
	return all
}

// truths are the operators that give true or false.
var truths = []string{"==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches"}

// patch puts instructions in place of what they do.
func patch(root *ast.Node) { ast.Walk(root, patcher{}) }

type patcher struct{}

// Visit changes one node. What is in it is changed already.
func (patcher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.ChainNode:
		*node = n.Node // a?.b is a.b: what is missing has nothing in it
	case *ast.IdentifierNode:
		if _, ok := nameOf(n.Value); ok {
			instruct(node, n.Value)
		}
	case *ast.MemberNode:
		patchMember(node, n)
	case *ast.SliceNode:
		instruct(node, "part", n.Node, orNil(n.From), orNil(n.To))
	case *ast.UnaryNode:
		patchUnary(node, n)
	case *ast.BinaryNode:
		patchBinary(node, n)
	case *ast.ConditionalNode:
		becomeTruth(&n.Cond)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			instruct(node, callee.Value, n.Arguments...)
		}
	case *ast.BuiltinNode:
		patchPredicate(n)
	case *ast.PairNode:
		if _, ok := n.Key.(*ast.StringNode); !ok {
			instruct(&n.Key, "string", n.Key)
		}
	}
}

// instruct puts an instruction in place of a node.
func instruct(node *ast.Node, name string, args ...ast.Node) {
	call := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: machineName + name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: machineName}}, args...),
	}
	call.SetType((*node).Type())
	ast.Patch(node, call)
}

// instructed returns the arguments of an instruction but the first, which is the machine.
func instructed(node ast.Node) (name string, args []ast.Node, ok bool) {
	call, ok := node.(*ast.CallNode)
	if !ok {
		return "", nil, false
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return "", nil, false
	}
	name, ok = strings.CutPrefix(callee.Value, machineName)
	if !ok {
		return "", nil, false
	}
	return name, call.Arguments[1:], true
}

// patchMember makes one instruction of fields.a.b, whose fields are named like that.
func patchMember(node *ast.Node, n *ast.MemberNode) {
	if n.Node.Type() == timeType {
		return
	}
	root, path, ok := instructed(n.Node)
	switch {
	case !ok || root != rootFields && root != rootIndexed && root != rootQuery:
	case len(path) == 0:
		instruct(node, root, n.Property)
		return
	case root != rootQuery:
		outer, ok := path[0].(*ast.StringNode)
		inner, also := n.Property.(*ast.StringNode)
		if ok && also {
			instruct(node, root, &ast.StringNode{Value: outer.Value + "." + inner.Value})
			return
		}
	}
	instruct(node, "get", n.Node, n.Property)
}

func patchUnary(node *ast.Node, n *ast.UnaryNode) {
	switch n.Operator {
	case "not", "!":
		becomeTruth(&n.Node)
	default:
		instruct(node, n.Operator, &ast.IntegerNode{}, n.Node)
	}
}

func patchBinary(node *ast.Node, n *ast.BinaryNode) {
	switch {
	case isAnd(n) || isOr(n):
		becomeTruth(&n.Left)
		becomeTruth(&n.Right)
	case n.Operator == "??":
	case n.Operator == "matches":
		pattern, _ := n.Right.(*ast.StringNode)
		instruct(node, n.Operator, n.Left, &ast.ConstantNode{Value: regexp.MustCompile(pattern.Value)})
	default:
		instruct(node, n.Operator, n.Left, n.Right)
	}
}

func patchPredicate(n *ast.BuiltinNode) {
	instruct(&n.Arguments[0], "list", n.Arguments[0])
	i := slices.IndexFunc(predicates, func(p predicate) bool { return p.name == n.Name })
	if each, ok := n.Arguments[1].(*ast.PredicateNode); ok && predicates[i].asks {
		becomeTruth(&each.Node)
	}
}

// becomeTruth makes true or false of what may be something else. The type is not asked:
// "a ? true : nil" has the one of true.
func becomeTruth(node *ast.Node) {
	if !isTruth(*node) {
		instruct(node, "true", *node)
	}
}

// isTruth knows what gives true or false whatever it is given.
func isTruth(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.BoolNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "not" || n.Operator == "!"
	case *ast.BinaryNode:
		return n.Operator != "??"
	case *ast.BuiltinNode:
		return n.Name == "any" || n.Name == "all" || n.Name == "none" || n.Name == "one"
	}
	name, _, ok := instructed(node)
	return ok && (name == "true" || slices.Contains(truths, name))
}

func orNil(node ast.Node) ast.Node {
	if node == nil {
		return &ast.NilNode{}
	}
	return node
}
