package condition

import (
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/fields"
	"github.com/drainline/drainline/services/transform/internal/re2"
)

// language finds what the language has and expressions here have not: what has no end,
// makes much of little, or is the same thing said twice.
type language struct{ finder }

// checkLanguage is called before types are checked. It leaves a tree: the parser's is
// none where it uses one node twice, and to check types would then take a time that
// doubles with each such use.
func (x expression) checkLanguage() error {
	l := language{finder{source: x.source}}
	root := x.root
	ast.Walk(&root, &l)
	return l.first()
}

// cutf refuses a node and cuts it off, so that its parts are not looked at again.
func (l *language) cutf(node *ast.Node, format string, args ...any) {
	l.refusef(*node, format, args...)
	*node = &ast.NilNode{}
}

// Visit looks at one node.
func (l *language) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			l.cutf(node, "unknown name %q", n.Value)
		}
	case *ast.IntegerNode:
		if n.Value > fields.MaxWhole {
			l.cutf(node, "so large a number is a text, put it in quotes")
		}
	case *ast.BytesNode:
		l.cutf(node, "there are no bytes, write text")
	case *ast.SequenceNode:
		l.cutf(node, "this has to be one expression")
	case *ast.ConditionalNode:
		if n.Cond == n.Exp1 {
			l.cutf(node, "?: is not known, ?? is")
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
		l.cutf(node, "there are no ranges, compare with < and >")
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			l.cutf(node, "matches needs a regular expression in quotes")
		} else if _, err := re2.Compile(pattern.Value); err != nil {
			l.cutf(node, "%s", err)
		}
	case "&&":
		left, ok := n.Left.(*ast.BinaryNode)
		right, also := n.Right.(*ast.BinaryNode)
		if ok && also && left.Right == right.Left {
			l.cutf(node, "compare one by one: a < b and b < c")
		}
	}
}

func (l *language) predicate(node *ast.Node, n *ast.BuiltinNode) {
	if !slices.ContainsFunc(predicates, func(p predicate) bool { return p.name == n.Name }) {
		l.cutf(node, "unknown name %q%s", n.Name, config.Nearest(n.Name, known()))
		return
	}
	if len(n.Arguments) != 2 {
		l.cutf(node, "not enough arguments for %s", n.Name)
		return
	}
	var inside predicateFinder
	ast.Walk(&n.Arguments[1], &inside)
	if inside.found != nil {
		l.cutf(node, "%s cannot be used inside of %s", inside.found.Name, n.Name)
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
type use struct{ finder }

// checkUse is called when types have been checked.
func (x expression) checkUse() error {
	u := use{finder{source: x.source}}
	root := x.root
	ast.Walk(&root, &u)
	return u.first()
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
			u.refusef(n, "unknown name %q%s", name.Value, config.Nearest(name.Value, timeMethods))
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
