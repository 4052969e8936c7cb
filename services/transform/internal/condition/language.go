package condition

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// language finds what the language has and expressions here have not: what has no end,
// makes much of little, or is the same thing said twice.
type language struct {
	place   int
	message string
}

// checkLanguage is called before types are checked. It leaves a tree: the parser's is
// none where it uses one node twice, and to check types would then take a time that
// doubles with each such use.
func (x expression) checkLanguage() error {
	var l language
	root := x.root
	ast.Walk(&root, &l)
	if l.message != "" {
		return x.mistakeAt(l.place, l.message)
	}
	return nil
}

// refusef cuts off the node, so that its parts are not looked at again.
func (l *language) refusef(node *ast.Node, format string, args ...any) {
	if l.message == "" {
		l.place, l.message = (*node).Location().From, fmt.Sprintf(format, args...)
	}
	*node = &ast.NilNode{}
}

// Visit looks at one node.
func (l *language) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			l.refusef(node, "unknown name %q", n.Value)
		}
	case *ast.IntegerNode:
		if n.Value > fields.MaxWhole {
			l.refusef(node, "so large a number is a text, put it in quotes")
		}
	case *ast.BytesNode:
		l.refusef(node, "there are no bytes, write text")
	case *ast.SequenceNode:
		l.refusef(node, "this has to be one expression")
	case *ast.ConditionalNode:
		if n.Cond == n.Exp1 {
			l.refusef(node, "?: is not known, ?? is")
		}
	case *ast.BinaryNode:
		l.binary(node, n)
	case *ast.BuiltinNode:
		l.predicate(node, n)
	}
}

func (l *language) binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		l.refusef(node, "there are no ranges, compare with < and >")
	case "matches":
		if _, ok := n.Right.(*ast.StringNode); !ok {
			l.refusef(node, "matches needs a regular expression in quotes")
		}
	case "&&":
		left, ok := n.Left.(*ast.BinaryNode)
		right, also := n.Right.(*ast.BinaryNode)
		if ok && also && left.Right == right.Left {
			l.refusef(node, "compare one by one: a < b and b < c")
		}
	}
}

func (l *language) predicate(node *ast.Node, n *ast.BuiltinNode) {
	if !slices.ContainsFunc(predicates, func(p predicate) bool { return p.name == n.Name }) {
		l.refusef(node, "unknown name %q%s", n.Name, nearestOf(n.Name, known()))
		return
	}
	if len(n.Arguments) != 2 {
		l.refusef(node, "not enough arguments for %s", n.Name)
		return
	}
	var inside predicateFinder
	ast.Walk(&n.Arguments[1], &inside)
	if inside.found != nil {
		l.refusef(node, "%s cannot be used inside of %s", inside.found.Name, n.Name)
	}
}

// predicateFinder finds a predicate.
type predicateFinder struct{ found *ast.BuiltinNode }

// Visit looks at one node.
func (f *predicateFinder) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.BuiltinNode); ok {
		f.found = n
	}
}

// use finds what has a type that is right for the language, and is a mistake here.
type use struct {
	place   int
	message string
}

// checkUse is called when types have been checked.
func (x expression) checkUse() error {
	var u use
	root := x.root
	ast.Walk(&root, &u)
	if u.message != "" {
		return x.mistakeAt(u.place, u.message)
	}
	return nil
}

func (u *use) refusef(node ast.Node, format string, args ...any) {
	if u.message == "" {
		u.place, u.message = node.Location().From, fmt.Sprintf(format, args...)
	}
}

// Visit looks at one node.
func (u *use) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		u.call(n)
	case *ast.MemberNode:
		if n.Node.Type() == timeType && !n.Method {
			u.refusef(n, "write %s with parentheses behind it", n)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "==", "!=":
			u.compare(n.Left, n.Right)
			u.compare(n.Right, n.Left)
		}
	}
}

var timeType = reflect.TypeFor[time.Time]()

// timeMethods are what a time can be asked.
var timeMethods = []string{"Day", "Format", "Hour", "Minute", "Second", "Unix", "UnixMilli", "Year", "YearDay"}

func (u *use) call(n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		return
	case *ast.MemberNode:
		name, ok := callee.Property.(*ast.StringNode)
		if !ok || callee.Node.Type() != timeType {
			break
		}
		if !slices.Contains(timeMethods, name.Value) {
			u.refusef(n, "unknown name %q%s", name.Value, nearestOf(name.Value, timeMethods))
		}
		for _, arg := range n.Arguments {
			if _, ok := arg.(*ast.StringNode); !ok {
				u.refusef(n, "%s needs a text in quotes", name.Value)
			}
		}
		return
	}
	u.refusef(n, "%s is no function", n.Callee)
}

// compare refuses to compare with nil a name that always stands for something.
func (u *use) compare(what, with ast.Node) {
	id, ok := what.(*ast.IdentifierNode)
	if _, isNil := with.(*ast.NilNode); !ok || !isNil {
		return
	}
	if n, ok := nameOf(id.Value); ok && n.kind == isText {
		u.refusef(what, `%s is never nil, where there is none it is ""`, what)
	} else if ok {
		u.refusef(what, "%s is never nil", what)
	}
}
