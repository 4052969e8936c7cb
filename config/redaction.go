package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mask is what stands for a redacted value unless the rule says otherwise.
const mask = "***"

// longSecret is long enough that a key of that form is not guessed.
var longSecret = regexp.MustCompile(`^[!-~]{16,1000}$`)

const longSecretRule = "16 to 1000 visible characters without spaces" //nolint:gosec // what a secret looks like

// redactionNames are the keys of an entry of Rule.Redact.
var redactionNames = []string{"preset", "pattern", "with", "hmac"}

// redactions is a list of names of presets and of maps.
func redactions() kind {
	return kind{
		rule: "a list of " + strings.Join(RedactPresets, ", ") + " or {preset or pattern, with or hmac}",
		parse: func(raw any) (any, bool) {
			list, err := toRedactions(raw)
			return list, err == nil
		},
		reason: func(raw any) string {
			if _, err := toRedactions(raw); err != nil {
				return err.Error()
			}
			return ""
		},
	}
}

func toRedactions(raw any) ([]Redaction, error) {
	items := toList(raw)
	if items == nil {
		return nil, errors.New("must be a list of names of presets and of maps with a pattern")
	}
	list := make([]Redaction, 0, len(items))
	for i, item := range items {
		r, err := toRedaction(item)
		if err != nil {
			return list, fmt.Errorf("entry %d: %w", i+1, err)
		}
		list = append(list, r)
	}
	return list, nil
}

func toRedaction(raw any) (Redaction, error) {
	switch v := raw.(type) {
	case string:
		r := Redaction{Preset: v, With: mask}
		return r, r.check()
	case map[string]any:
		if strange := strangeName(v, redactionNames); strange != "" {
			return Redaction{}, errors.New(strange)
		}
		r, err := redactionOf(v)
		if err != nil {
			return r, err
		}
		return r, r.check()
	default:
		return Redaction{}, errors.New("must be the name of a preset, or a map with preset or pattern")
	}
}

func redactionOf(given map[string]any) (Redaction, error) {
	r := Redaction{With: mask}
	var isBool bool
	if hmac, ok := given["hmac"]; ok {
		if r.HMAC, isBool = hmac.(bool); !isBool {
			return r, errors.New("hmac must be true or false")
		}
	}
	if _, ok := given["with"]; ok && r.HMAC {
		return r, errors.New("has with and hmac: a value is replaced by one of them")
	}
	if r.HMAC {
		r.With = ""
	}
	for name, field := range map[string]*string{"preset": &r.Preset, "pattern": &r.Pattern, "with": &r.With} {
		value, ok := given[name]
		if !ok {
			continue
		}
		s, isText := value.(string)
		if !isText {
			return r, errors.New(name + " must be text (numbers in quotes)")
		}
		*field = s
	}
	return r, nil
}

// maxWith bounds what is put in place of a value, in bytes: a pattern may find as many as
// an event has bytes.
const maxWith = 64

// check says what is wrong with the redaction by itself.
func (r Redaction) check() error {
	switch mistake := mistakeIn(r.Pattern); {
	case (r.Preset == "") == (r.Pattern == ""):
		return errors.New("must have a preset or a pattern, one of them")
	case r.Preset != "" && !slices.Contains(RedactPresets, r.Preset):
		return fmt.Errorf("%s is not a preset%s", printable(r.Preset), Nearest(r.Preset, RedactPresets))
	case mistake != "":
		return errors.New("the pattern " + mistake)
	case r.Pattern != "" && matchesNothing(r.Pattern):
		return errors.New("the pattern matches empty text, which is everywhere")
	case r.With != "" && (!isWords(r.With) || len(r.With) > maxWith):
		return fmt.Errorf("with must be text of at most %d bytes without control characters", maxWith)
	default:
		return nil
	}
}

// node is the redaction as a file gives it.
func (r Redaction) node() *yaml.Node {
	if r.Preset != "" && r.With == mask && !r.HMAC {
		return textNode(r.Preset)
	}
	name, value := "pattern", r.Pattern
	if r.Preset != "" {
		name, value = "preset", r.Preset
	}
	node := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{nameNode(name), textNode(value)}}
	if r.HMAC {
		node.Content = append(node.Content, nameNode("hmac"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: on})
		return node
	}
	node.Content = append(node.Content, nameNode("with"), textNode(r.With))
	return node
}

// strangeName says which name of a map is none of those that there are; empty is
// none.
func strangeName(given map[string]any, known []string) string {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return printable(name) + " is not a known key" + Nearest(name, known)
		}
	}
	return ""
}
