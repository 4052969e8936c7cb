package topology

import (
	"cmp"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Difference is one thing on the bus that is not as planned.
type Difference struct {
	Stream string `json:"stream"`
	// Consumer is the durable that it is about; empty for the stream itself.
	Consumer string `json:"consumer,omitempty"`
	// Missing means that there is no such stream or consumer.
	Missing bool `json:"missing,omitempty"`
	// Reason is why it is still missing after it was to be created, a sentence on a stream.
	Reason string `json:"reason,omitempty"`
	// Key is what is set to Got and should be Want.
	Key  string `json:"key,omitempty"`
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	// Immutable means that JetStream refuses to change it: the stream or the consumer has
	// to be made again.
	Immutable bool `json:"immutable,omitempty"`
}

func (d Difference) what() string {
	if d.Consumer == "" {
		return d.Stream
	}
	return d.Stream + " consumer " + d.Consumer
}

// String is one sentence.
func (d Difference) String() string {
	if d.Reason != "" {
		return d.Reason
	}
	if d.Missing {
		return d.what() + " is missing"
	}
	return fmt.Sprintf("%s: %s is %s, the configuration says %s", d.what(), d.Key, d.Got, d.Want)
}

// Repair is one sentence on how to bring about what cannot be changed.
func (d Difference) Repair() string {
	if d.Consumer == "" {
		return fmt.Sprintf("stop what publishes to it, wait until it is empty, delete it (nats stream rm %s) and apply again", d.Stream)
	}
	return fmt.Sprintf("stop the services that use it, delete it (nats consumer rm %s %s) and apply again: the stream keeps what it holds", d.Stream, d.Consumer)
}

func compareStream(want, got jetstream.StreamConfig) []Difference {
	d := differences{about: Difference{Stream: want.Name}}
	d.compare("subjects", want.Subjects, got.Subjects)
	d.compareFixed("retention", want.Retention, got.Retention, want.Retention == jetstream.WorkQueuePolicy || got.Retention == jetstream.WorkQueuePolicy)
	d.compare("discard", want.Discard, got.Discard)
	d.compareFixed("storage", want.Storage, got.Storage, true)
	d.compare("max_bytes", want.MaxBytes, got.MaxBytes)
	d.compare("max_msg_size", want.MaxMsgSize, got.MaxMsgSize)
	d.compare("max_msgs_per_subject", cmp.Or(want.MaxMsgsPerSubject, -1), cmp.Or(got.MaxMsgsPerSubject, -1))
	d.compare("max_age", want.MaxAge, got.MaxAge)
	d.compare("replicas", max(want.Replicas, 1), got.Replicas)
	d.compare("duplicate_window", want.Duplicates, got.Duplicates)
	d.compareFixed("allow_msg_counter", want.AllowMsgCounter, got.AllowMsgCounter, true)
	// What would copy messages from or to elsewhere, or store them elsewhere, is never planned.
	d.compare("republish", given(want.RePublish != nil), given(got.RePublish != nil))
	d.compare("sources", given(len(want.Sources) > 0), given(len(got.Sources) > 0))
	d.compare("subject_transform", given(want.SubjectTransform != nil), given(got.SubjectTransform != nil))
	return d.found
}

// given is a word for what is set or not.
func given(is bool) string {
	if is {
		return "set"
	}
	return "not set"
}

// adopt is a configuration with what is compared as it should be, and the rest as it is.
func adopt(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Subjects, have.Retention, have.Discard, have.Storage = want.Subjects, want.Retention, want.Discard, want.Storage
	have.MaxBytes, have.MaxMsgSize, have.MaxMsgsPerSubject, have.MaxAge = want.MaxBytes, want.MaxMsgSize, want.MaxMsgsPerSubject, want.MaxAge
	have.Replicas, have.Duplicates, have.AllowMsgCounter = want.Replicas, want.Duplicates, want.AllowMsgCounter
	have.RePublish, have.Sources, have.SubjectTransform = want.RePublish, want.Sources, want.SubjectTransform
	return have
}

func compareConsumer(stream string, want, got jetstream.ConsumerConfig) []Difference {
	d := differences{about: Difference{Stream: stream, Consumer: want.Durable}}
	d.compareFixed("ack_policy", want.AckPolicy, got.AckPolicy, true)
	d.compare("ack_wait", want.AckWait, got.AckWait)
	d.compare("max_ack_pending", want.MaxAckPending, got.MaxAckPending)
	d.compare("max_deliver", want.MaxDeliver, cmp.Or(got.MaxDeliver, -1))
	d.compare("pinned_client", want.PriorityPolicy == jetstream.PriorityPolicyPinned, got.PriorityPolicy == jetstream.PriorityPolicyPinned)
	d.compare("priority_groups", want.PriorityGroups, got.PriorityGroups)
	d.compare("priority_timeout", want.PinnedTTL, got.PinnedTTL)
	return d.found
}

// adoptConsumer is adopt for consumers.
func adoptConsumer(have, want jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	have.AckPolicy, have.AckWait, have.MaxAckPending, have.MaxDeliver = want.AckPolicy, want.AckWait, want.MaxAckPending, want.MaxDeliver
	have.PriorityPolicy, have.PriorityGroups, have.PinnedTTL = want.PriorityPolicy, want.PriorityGroups, want.PinnedTTL
	return have
}

// differences of one stream or consumer.
type differences struct {
	about Difference
	found []Difference
}

func (d *differences) compare(key string, want, got any) { d.compareFixed(key, want, got, false) }

// compareFixed compares what JetStream may not change.
func (d *differences) compareFixed(key string, want, got any, fixed bool) {
	different := d.about
	different.Key, different.Want, different.Got, different.Immutable = key, fmt.Sprint(want), fmt.Sprint(got), fixed
	if different.Want != different.Got {
		d.found = append(d.found, different)
	}
}
