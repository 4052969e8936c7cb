package e2e

import (
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/test/simulators/splunk"
)

// buried are events in dead letters: the reasons for which each number is there, by
// destination.
type buried map[string]map[int][]string

// letters reads all dead letters of the shipper.
func (b *bus) letters() buried {
	b.t.Helper()
	all := buried{}
	stream, err := b.js.Stream(b.t.Context(), "drainline_dead")
	if err != nil {
		b.t.Fatal(err)
	}
	left := stream.CachedInfo().State.Msgs
	if left == 0 {
		return all
	}
	consumer, err := stream.OrderedConsumer(b.t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	for ; left > 0; left-- {
		m, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := all.add(m.Data()); err != nil {
			b.t.Fatalf("%s: %v", m.Subject(), err)
		}
	}
	return all
}

// add notes the events of a dead letter as it is on the bus.
func (all buried) add(payload []byte) error {
	letter, batch := &drainlinev1.DeadBlock{}, &drainlinev1.EventBatch{}
	if err := open(payload, letter); err != nil {
		return err
	}
	var err error
	switch letter.GetContent() {
	case drainlinev1.Content_CONTENT_EVENT_BATCH:
		err = proto.Unmarshal(letter.GetOriginal(), batch)
	case drainlinev1.Content_CONTENT_PAYLOAD:
		err = open(letter.GetOriginal(), batch)
	default:
		err = fmt.Errorf("a %v, which the shipper does not bury", letter.GetContent())
	}
	if err != nil {
		return err
	}
	of := all[letter.GetDestination()]
	if of == nil {
		of = map[int][]string{}
		all[letter.GetDestination()] = of
	}
	for _, e := range batch.GetEvents() {
		n := number(splunk.ID(string(e.GetText()) + string(e.GetJson())))
		of[n] = append(of[n], letter.GetReason())
	}
	return nil
}

// open decodes a message as it is on the bus.
func open(payload []byte, into proto.Message) error {
	message, err := wire.Open(nil, payload)
	if err != nil {
		return err
	}
	return proto.Unmarshal(message, into)
}
