package condition

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/transform/internal/heroku"
)

// kinds are all values of the name "kind".
var kinds = []string{
	string(heroku.KindApp), string(heroku.KindRouter), string(heroku.KindAPI), string(heroku.KindSystem), string(heroku.KindAddon),
}

// vocabulary finds words that a name never has, and fields that lines of the platform do
// not have, where a condition can only be true for such lines.
type vocabulary struct{ finder }

// checkVocabulary is called when types have been checked.
func (x expression) checkVocabulary() error {
	v := vocabulary{finder{source: x.source}}
	root := x.root
	ast.Walk(&root, wordVisitor{&v})
	v.walk(x.root, kinds)
	return v.first()
}

// walk looks at a condition that is asked of events of some kinds only.
func (v *vocabulary) walk(node ast.Node, possible []string) {
	switch n := node.(type) {
	case *ast.UnaryNode:
		v.walk(n.Node, possible)
		return
	case *ast.BinaryNode:
		parts := partsOf(n, isOr(n))
		if len(parts) == 1 {
			break
		}
		if isAnd(n) {
			of, _ := kindsOf(n)
			possible = intersect(possible, of)
		}
		for _, part := range parts {
			v.walk(part, possible)
		}
		return
	}
	if len(possible) > 0 && !slices.Contains(possible, string(heroku.KindApp)) {
		ast.Walk(&node, fieldVisitor{v, possible})
	}
}

// kindsOf are the kinds of which a condition can be true; exact says that it is true of
// all of their events.
func kindsOf(node ast.Node) (of []string, exact bool) {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if of, exact := kindsOf(n.Node); exact {
			return slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return slices.Contains(of, k) }), true
		}
	case *ast.BinaryNode:
		if words := wordsFor(n, nameOfKind); words != nil {
			for _, w := range words {
				of = append(of, w.Value)
			}
			if n.Operator == "!=" {
				return slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return slices.Contains(of, k) }), true
			}
			return of, true
		}
		left, leftExact := kindsOf(n.Left)
		right, rightExact := kindsOf(n.Right)
		switch {
		case isAnd(n):
			return intersect(left, right), leftExact && rightExact
		case isOr(n):
			return append(slices.Clone(left), right...), leftExact && rightExact
		}
	}
	return kinds, false
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(k string) bool { return !slices.Contains(b, k) })
}

// wordsFor are the texts that a name is compared with, nil for any other comparison.
func wordsFor(n *ast.BinaryNode, name string) []*ast.StringNode {
	left, right := n.Left, n.Right
	if isName(right, name) {
		left, right = right, left
	}
	if !isName(left, name) {
		return nil
	}
	var nodes []ast.Node
	switch n.Operator {
	case "==", "!=":
		nodes = []ast.Node{right}
	case "in":
		nodes = []ast.Node{right} // of "x" in marks
		if array, ok := right.(*ast.ArrayNode); ok {
			nodes = array.Nodes
		}
	}
	var words []*ast.StringNode
	for _, node := range nodes {
		word, ok := node.(*ast.StringNode)
		if !ok {
			return nil
		}
		words = append(words, word)
	}
	return words
}

func isName(node ast.Node, name string) bool {
	id, ok := node.(*ast.IdentifierNode)
	return ok && id.Value == name
}

type wordVisitor struct{ *vocabulary }

// Visit looks at one node.
func (v wordVisitor) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	for _, of := range environment {
		for _, word := range wordsFor(n, of.name) {
			if of.words != nil && !slices.Contains(of.words, word.Value) {
				v.refusef(word, "unknown %s %q%s", strings.TrimSuffix(of.name, "s"), word.Value, of.nearest(word.Value))
			}
		}
	}
}

// nearest is how a message goes on about a word that the name never has.
func (n name) nearest(word string) string {
	if nearest := config.Nearest(word, n.words); nearest != "" {
		return nearest
	}
	return ", there are " + strings.Trim(strings.Join(n.words, ", "), ", ") // without the empty one
}

type fieldVisitor struct {
	*vocabulary

	of []string
}

// Visit looks at one node.
func (v fieldVisitor) Visit(node *ast.Node) {
	root, name, ok := pathOf(*node)
	member, isMember := (*node).(*ast.MemberNode)
	if !ok || !isMember || root != rootFields || v.isQuoted(member.Property) {
		return
	}
	if _, first := member.Node.(*ast.IdentifierNode); !first {
		return
	}
	var names []string
	for _, kind := range v.of {
		for _, n := range heroku.Vocabulary(heroku.Kind(kind)) {
			names = append(names, n.Name)
		}
	}
	if !slices.Contains(names, name) {
		v.refusef(member.Property, `%s lines have no field %q%s; fields[%q] is not checked`,
			strings.Join(v.of, " and "), name, config.Nearest(name, names), name)
	}
}

// isQuoted distinguishes fields["a"] from fields.a.
func (v fieldVisitor) isQuoted(node ast.Node) bool {
	rest := v.text
	for range node.Location().From {
		_, n := utf8.DecodeRuneInString(rest)
		rest = rest[n:]
	}
	return strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, `'`) || strings.HasPrefix(rest, "`")
}
