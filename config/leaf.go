package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// leaf is one key of a Config with its value.
type leaf struct {
	path  string
	value any
}

// leaves lists what is in force, in the order of the fields, names sorted.
// The include patterns are left out: what they brought in is there itself.
func (c *Config) leaves() []leaf {
	return slices.DeleteFunc(leavesOf("", reflect.ValueOf(*c)), func(l leaf) bool { return l.path == includeKey })
}

func leavesOf(path string, v reflect.Value) []leaf {
	var leaves []leaf
	switch {
	case !isSection(v.Type()):
		leaves = append(leaves, leaf{path, v.Interface()})
	case v.Kind() == reflect.Struct:
		for field, below := range v.Fields() {
			if name := field.Tag.Get("koanf"); name != notAKey {
				leaves = append(leaves, leavesOf(join(path, name), below)...)
			}
		}
	default:
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			leaves = append(leaves, leavesOf(join(path, name.String()), v.MapIndex(name))...)
		}
	}
	return leaves
}

// notAKey is the name of what a configuration has beside its keys.
const notAKey = "-"

// isSection tells whether values of a type consist of keys or names. A list of
// sections counts as one value.
func isSection(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return t != reflect.TypeFor[time.Time]() && t != reflect.TypeFor[Redaction]()
	case reflect.Map:
		return isSection(t.Elem())
	default:
		return false
	}
}

// SHA is the SHA-256 of the effective configuration in hex. It is the same on
// every instance with the same configuration, however it was given, but for what
// belongs to its machine: addresses to listen on, folders, credentials for the bus.
// Neither are secrets in it, which not every service has, nor how they were given.
func (c *Config) SHA() string { return c.digest(isSecret) }

// digest is the SHA-256 of what is not left out.
func (c *Config) digest(leftOut func(path string) bool) string {
	h := sha256.New()
	for _, l := range c.leaves() {
		if isOfPlace(l.path) || leftOut(l.path) {
			continue
		}
		fmt.Fprintf(h, "%s=%s\n", l.path, unambiguous(l.value))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// differs tells whether a running process has something to do to get from one to the other.
func (c *Config) differs(next *Config) bool {
	nothing := func(string) bool { return false }
	return c.digest(nothing) != next.digest(nothing) || c.Certificates != next.Certificates
}

func unambiguous(value any) string {
	switch v := value.(type) {
	case Secret:
		return strconv.Quote(v.Reveal())
	case string, []string, map[string]string, []Drain:
		return fmt.Sprintf("%q", v)
	case []Rule:
		return inYAML(v) // which has neither an order of maps nor what is empty
	default:
		return fmt.Sprint(v)
	}
}
