package wire_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
)

var update = flag.Bool("update", false, "write the messages of this schema that are not there yet; what is there is never written again")

// messages are all that is published.
var messages = []func() proto.Message{
	func() proto.Message { return &drainlinev1.RawBlock{} },
	func() proto.Message { return &drainlinev1.EventBatch{} },
	func() proto.Message { return &drainlinev1.DeadBlock{} },
	func() proto.Message { return &drainlinev1.AckNote{} },
	func() proto.Message { return &drainlinev1.LedgerPage{} },
	func() proto.Message { return &drainlinev1.AuditRecord{} },
}

// fill gives every field of a message a value, and every list two.
func fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsMap():
			key := protoreflect.ValueOfString("key").MapKey()
			m.Mutable(f).Map().Set(key, protoreflect.ValueOfString("value"))
		case f.IsList() && f.Message() != nil:
			for range 2 {
				fill(m.Mutable(f).List().AppendMutable().Message())
			}
		case f.IsList():
			for n := range 2 {
				m.Mutable(f).List().Append(value(f, n))
			}
		case f.Message() != nil:
			fill(m.Mutable(f).Message())
		default:
			m.Set(f, value(f, 0))
		}
	}
}

// value is one that no other field of the message has.
func value(f protoreflect.FieldDescriptor, n int) protoreflect.Value {
	number := int(f.Number())*10 + n
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(f.Enum().Values().Len() - 1).Number())
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(number) << 40)
	case protoreflect.Uint32Kind:
		if f.Name() == "origin" { // the position of one of two
			return protoreflect.ValueOfUint32(1)
		}
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(number) << 40)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(fmt.Appendf(nil, "%016d", number)) // as long as an id
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("%s %d", f.Name(), number))
	default:
		panic("a field of a kind that no message has had: " + f.FullName())
	}
}

// What was published by a schema is read for ever, by its successors, too: it may wait on
// the bus, in a dead letter or in a backup. The files are the bytes as they were, and what
// they said.
func TestMessagesOfEverySchemaAreRead(t *testing.T) {
	t.Parallel()
	for version := 1; version <= wire.SchemaVersion; version++ {
		for _, empty := range messages {
			want, got := empty(), empty()
			name := string(got.ProtoReflect().Descriptor().Name())
			t.Run(fmt.Sprintf("%d/%s", version, name), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join("testdata", fmt.Sprintf("schema%d", version), name)
				if *update {
					keep(t, file, empty())
				}
				sealed, said := content(t, file+".sealed"), content(t, file+".json")
				if int(sealed[0]) != version {
					t.Fatalf("%s is of schema %d", file, sealed[0])
				}
				if err := protojson.Unmarshal(said, want); err != nil {
					t.Fatal(err)
				}
				message, err := wire.Open(nil, sealed)
				if err != nil {
					t.Fatal(err)
				}
				if err := proto.Unmarshal(message, got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
					t.Errorf("(- as it was said, + as it is read)\n%s", diff)
				}
				readByHand(t, want, message)
			})
		}
	}
}

// readByHand reads with the codecs that are not generated.
func readByHand(t *testing.T, want proto.Message, message []byte) {
	t.Helper()
	var got proto.Message
	switch want.(type) {
	case *drainlinev1.RawBlock:
		block := &drainlinev1.RawBlock{}
		if err := wire.UnmarshalBlock(message, block); err != nil {
			t.Fatal(err)
		}
		got = block
	case *drainlinev1.EventBatch:
		var batch wire.Batch
		if err := wire.ScanBatch(message, &batch); err != nil {
			t.Fatal(err)
		}
		got = generated(&batch)
	default:
		return
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("by hand: (- as it was said, + as it is read)\n%s", diff)
	}
}

// A reader passes over fields that a later version has added, wherever they stand.
func TestFieldsOfALaterVersionArePassedOver(t *testing.T) {
	t.Parallel()
	for _, empty := range messages {
		want, later := empty(), empty()
		t.Run(string(want.ProtoReflect().Descriptor().Name()), func(t *testing.T) {
			t.Parallel()
			fill(want.ProtoReflect())
			fill(later.ProtoReflect())
			addLaterFields(later.ProtoReflect())
			message, err := proto.Marshal(later)
			if err != nil {
				t.Fatal(err)
			}
			got := empty()
			if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(message, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(- without, + with them)\n%s", diff)
			}
			readWithLater(t, want, message)
		})
	}
}

func readWithLater(t *testing.T, want proto.Message, message []byte) {
	t.Helper()
	if _, ok := want.(*drainlinev1.RawBlock); ok { // keeps them, as the generated code does
		block := &drainlinev1.RawBlock{}
		if err := wire.UnmarshalBlock(message, block); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, block, protocmp.Transform(), protocmp.IgnoreUnknown()); diff != "" {
			t.Errorf("by hand: (- without, + with them)\n%s", diff)
		}
		return
	}
	readByHand(t, want, message)
}

// addLaterFields adds one of each wire type to a message and all in it.
func addLaterFields(m protoreflect.Message) {
	const number = 1000
	var later []byte
	later = protowire.AppendVarint(protowire.AppendTag(later, number, protowire.VarintType), 1<<60)
	later = protowire.AppendBytes(protowire.AppendTag(later, number+1, protowire.BytesType), []byte("later"))
	later = protowire.AppendFixed32(protowire.AppendTag(later, number+2, protowire.Fixed32Type), 1)
	later = protowire.AppendFixed64(protowire.AppendTag(later, number+3, protowire.Fixed64Type), 1)
	m.SetUnknown(later)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				addLaterFields(v.List().Get(i).Message())
			}
		default:
			addLaterFields(v.Message())
		}
		return true
	})
}

// keep writes a message with every field that there is, unless it is kept already.
func keep(t *testing.T, file string, m proto.Message) {
	t.Helper()
	if _, err := os.Stat(file + ".sealed"); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	fill(m.ProtoReflect())
	message, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	said, err := protojson.MarshalOptions{Multiline: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	for suffix, content := range map[string][]byte{".sealed": wire.Seal(nil, message), ".json": append(said, '\n')} {
		if err := os.WriteFile(file+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
