package condition

import (
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/drainline/drainline/services/transform/internal/event"
	"github.com/drainline/drainline/services/transform/internal/fields"
)

// Most of what rules ask is a few comparisons joined by "and". They are compiled to
// functions, which look at the event itself and allocate nothing. What they cannot do
// goes to the machine of the language.

// test is a compiled condition.
type test func(m *Machine, e *event.Event) bool

// operand is a compiled value.
type operand func(m *Machine, e *event.Event) fields.Value

// test compiles a condition, of which it hands parts over to the machine.
func (x expression) test(node ast.Node) (test, error) {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			inner, err := x.test(n.Node)
			return func(m *Machine, e *event.Event) bool { return !inner(m, e) }, err
		}
	case *ast.BinaryNode:
		if isAnd(n) || isOr(n) {
			return x.joined(n)
		}
	}
	if t := quick(node); t != nil {
		return t, nil
	}
	p, err := x.compile(node, true)
	if err != nil {
		return nil, err
	}
	return p.truth, nil
}

// joined compiles conditions with "and" or "or" between them.
func (x expression) joined(n *ast.BinaryNode) (test, error) {
	var tests []test
	for _, node := range partsOf(n, isOr(n)) {
		t, err := x.test(node)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	decisive := isOr(n)
	return func(m *Machine, e *event.Event) bool {
		for _, t := range tests {
			if t(m, e) == decisive {
				return decisive
			}
		}
		return !decisive
	}, nil
}

// partsOf are the conditions of a chain of one and the same operator, in order.
func partsOf(node ast.Node, or bool) []ast.Node {
	n, ok := node.(*ast.BinaryNode)
	if !ok || !isOr(n) && !isAnd(n) || isOr(n) != or {
		return []ast.Node{node}
	}
	return append(partsOf(n.Left, or), partsOf(n.Right, or)...)
}

func isAnd(n *ast.BinaryNode) bool { return n.Operator == "and" || n.Operator == "&&" }
func isOr(n *ast.BinaryNode) bool  { return n.Operator == "or" || n.Operator == "||" }

// quick compiles one comparison, or returns nil.
func quick(node ast.Node) test {
	if n, ok := node.(*ast.BinaryNode); ok {
		return quickBinary(n)
	}
	if value := operandOf(node); value != nil {
		return func(m *Machine, e *event.Event) bool { return isTrue(value(m, e)) }
	}
	return nil
}

func quickBinary(n *ast.BinaryNode) test {
	if n.Operator == "in" {
		return quickIn(n)
	}
	left := operandOf(n.Left)
	if left == nil {
		return nil
	}
	if n.Operator == "matches" {
		pattern, _ := n.Right.(*ast.StringNode)
		expression := regexp.MustCompile(pattern.Value)
		return func(m *Machine, e *event.Event) bool { return expression.MatchString(textOf(left(m, e))) }
	}
	right := operandOf(n.Right)
	if right == nil {
		return nil
	}
	if t := quickText(n); t != nil {
		return t
	}
	switch n.Operator {
	case "==":
		return func(m *Machine, e *event.Event) bool { return equal(left(m, e), right(m, e)) }
	case "!=":
		return func(m *Machine, e *event.Event) bool { return !equal(left(m, e), right(m, e)) }
	}
	if holds := orders[n.Operator]; holds != nil {
		return func(m *Machine, e *event.Event) bool {
			c, ok := order(left(m, e), right(m, e))
			return ok && holds(c)
		}
	}
	if holds := textTests[n.Operator]; holds != nil {
		return func(m *Machine, e *event.Event) bool { return holds(textOf(left(m, e)), textOf(right(m, e))) }
	}
	return nil
}

// quickText is the most common comparison: a text of the event with one that is given.
// Every event is asked its kind, and this takes a third less time than equal.
func quickText(n *ast.BinaryNode) test {
	value, with := textNameOf(n.Left), constantOf(n.Right)
	if value == nil || with == nil || with.Kind != fields.Text {
		return nil
	}
	text := with.Text
	switch n.Operator {
	case "==":
		return func(_ *Machine, e *event.Event) bool { return value(e) == text }
	case "!=":
		return func(_ *Machine, e *event.Event) bool { return value(e) != text }
	default:
		return nil
	}
}

func quickIn(n *ast.BinaryNode) test {
	left := operandOf(n.Left)
	if left == nil {
		return nil
	}
	switch right := n.Right.(type) {
	case *ast.IdentifierNode:
		if right.Value != listOfMarks {
			return nil
		}
		return func(m *Machine, e *event.Event) bool {
			v := left(m, e)
			return v.Kind == fields.Text && slices.Contains(e.Request.GetMarks(), v.Text)
		}
	case *ast.ArrayNode:
		var list []fields.Value
		for _, node := range right.Nodes {
			c := constantOf(node)
			if c == nil {
				return nil
			}
			list = append(list, *c)
		}
		return func(m *Machine, e *event.Event) bool {
			v := left(m, e)
			for i := range list {
				if equal(v, list[i]) {
					return true
				}
			}
			return false
		}
	default:
		return nil
	}
}

// operandOf compiles a value, or returns nil.
func operandOf(node ast.Node) operand {
	if c := constantOf(node); c != nil {
		return func(*Machine, *event.Event) fields.Value { return *c }
	}
	if text := textNameOf(node); text != nil {
		return func(_ *Machine, e *event.Event) fields.Value { return fields.Value{Text: text(e)} }
	}
	if number := numberNameOf(node); number != nil {
		return func(_ *Machine, e *event.Event) fields.Value { return intValue(int64(number(e))) }
	}
	root, path, ok := pathOf(node)
	if !ok {
		return nil
	}
	switch root {
	case rootFields:
		return func(_ *Machine, e *event.Event) fields.Value { return lookupField(e.Parsed(), path) }
	case rootIndexed:
		return func(_ *Machine, e *event.Event) fields.Value { return lookupIndexed(e, path) }
	default:
		return func(_ *Machine, e *event.Event) fields.Value { return lookupQuery(e, path) }
	}
}

func textNameOf(node ast.Node) func(*event.Event) string {
	if id, ok := node.(*ast.IdentifierNode); ok {
		n, _ := nameOf(id.Value)
		return n.text
	}
	return nil
}

func numberNameOf(node ast.Node) func(*event.Event) int {
	if id, ok := node.(*ast.IdentifierNode); ok {
		n, _ := nameOf(id.Value)
		return n.number
	}
	return nil
}

// constantOf is the value that is written there, nil if it is no constant.
func constantOf(node ast.Node) *fields.Value {
	var v fields.Value
	switch n := node.(type) {
	case *ast.NilNode:
		v = missing
	case *ast.BoolNode:
		v = boolValue(n.Value)
	case *ast.IntegerNode:
		v = intValue(int64(n.Value))
	case *ast.FloatNode:
		v = numberValue(n.Value)
	case *ast.StringNode:
		v.Text = n.Value
	case *ast.UnaryNode:
		of := constantOf(n.Node)
		if n.Operator != "-" || of == nil || of.Kind != fields.Number {
			return nil
		}
		v = numberValue(-of.Number)
	default:
		return nil
	}
	return &v
}

// pathOf takes fields.a.b or fields["a.b"] apart: the map of the environment, and the name in it.
func pathOf(node ast.Node) (root, path string, ok bool) {
	if chain, ok := node.(*ast.ChainNode); ok {
		node = chain.Node
	}
	n, ok := node.(*ast.MemberNode)
	if !ok {
		return "", "", false
	}
	last, ok := n.Property.(*ast.StringNode)
	if !ok {
		return "", "", false
	}
	if id, ok := n.Node.(*ast.IdentifierNode); ok {
		root = id.Value
		return root, last.Value, root == rootFields || root == rootIndexed || root == rootQuery
	}
	root, path, ok = pathOf(n.Node)
	return root, path + "." + last.Value, ok && root != rootQuery
}
