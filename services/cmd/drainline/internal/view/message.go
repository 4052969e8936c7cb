package view

import (
	"cmp"
	"fmt"

	"github.com/drainline/drainline/config"
	drainlinev1 "github.com/drainline/drainline/proto/drainline/v1"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/transform"
)

// Reader reads what is on the bus with the eyes of a configuration. It is used by one
// goroutine.
type Reader struct {
	trial *transform.Trial
	apps  map[string]string // by drain token
}

// NewReader reads blocks as transform begins: by the drains of the configuration, and
// before any rule.
func NewReader(c *config.Config) (*Reader, error) {
	bare := *c
	bare.Rules = nil
	bare.Destinations = map[string]config.Destination{"": {Type: config.TypeDiscard}}
	bare.Drains = make([]config.Drain, len(c.Drains))
	apps := make(map[string]string, len(c.Drains))
	for i, d := range c.Drains {
		apps[d.Token] = d.App
		bare.Drains[i] = config.Drain{
			Token: d.Token, App: d.App, Index: d.Index, Source: d.Source, Sourcetype: d.Sourcetype, Fields: d.Fields,
			StructuredData: d.StructuredData,
		}
	}
	trial, err := transform.NewTrial(&bare)
	if err != nil {
		return nil, fmt.Errorf("drains: %w", err)
	}
	return &Reader{trial: trial, apps: apps}, nil
}

// Block shows the events of a RawBlock as it is on the bus. Parts that are no events come
// as they were sent. The error is f's, or says why the payload cannot be read.
func (r *Reader) Block(payload []byte, s *Selection, f func(*Event) error) error {
	block, err := openBlock(payload)
	if err != nil {
		return err
	}
	out, err := r.trial.Run(block.GetRequests())
	if err != nil {
		return fmt.Errorf("block: %w", err)
	}
	for i := range out.Batches {
		if err := s.pick(&out.Batches[i], f); err != nil {
			return err
		}
	}
	for _, letter := range out.Dead {
		if err := r.Contents(letter, s, f); err != nil {
			return err
		}
	}
	return nil
}

// Batch shows the events of an EventBatch as it is on the bus. The error is f's, or says
// why the payload cannot be read.
func (r *Reader) Batch(payload []byte, s *Selection, f func(*Event) error) error {
	b, err := openBatch(payload)
	if err != nil {
		return err
	}
	return s.pick(b, f)
}

// Contents shows what a dead letter holds: events, or parts of requests as they were sent.
func (r *Reader) Contents(letter *drainlinev1.DeadBlock, s *Selection, f func(*Event) error) error {
	return s.pick(r.contents(letter), f)
}

// contents are what a letter holds as a batch. What cannot be read is one event.
func (r *Reader) contents(letter *drainlinev1.DeadBlock) *wire.Batch {
	b, block, err := Open(letter)
	switch {
	case err != nil: // which is why it died
		return &wire.Batch{
			Origins: []wire.Origin{{ReceivedNS: letter.GetReceivedNs(), Traceparent: letter.GetTrace().GetTraceparent()}},
			Events:  []wire.Event{{Text: letter.GetOriginal()}},
		}
	case b != nil:
		return b
	}
	b = &wire.Batch{}
	for i, request := range block.GetRequests() {
		b.Origins = append(b.Origins, originOf(request, r.app(request)))
		b.Events = append(b.Events, wire.Event{Origin: uint32(i), Text: request.GetBody()})
	}
	return b
}

// app is whose request it is, as far as that can be said without its lines.
func (r *Reader) app(request *drainlinev1.Request) string {
	return cmp.Or(r.apps[request.GetDrainToken()], request.GetFacts().GetPathApp(), request.GetQuery()[wire.QueryApp],
		request.GetDrainToken(), request.GetCredential())
}

// Open gives what a dead letter holds: a batch, or a block, or an error where it holds
// something that nobody can read.
func Open(letter *drainlinev1.DeadBlock) (*wire.Batch, *drainlinev1.RawBlock, error) {
	switch letter.GetContent() {
	case drainlinev1.Content_CONTENT_EVENT_BATCH:
		b, err := scanBatch(letter.GetOriginal())
		return b, nil, err
	case drainlinev1.Content_CONTENT_RAW_BLOCK:
		block, err := scanBlock(letter.GetOriginal())
		return nil, block, err
	default:
		if letter.GetStage() == wire.StageShipper {
			b, err := openBatch(letter.GetOriginal())
			return b, nil, err
		}
		block, err := openBlock(letter.GetOriginal())
		return nil, block, err
	}
}

func openBatch(payload []byte) (*wire.Batch, error) {
	message, err := wire.Open(nil, payload)
	if err != nil {
		return nil, err
	}
	return scanBatch(message)
}

func scanBatch(message []byte) (*wire.Batch, error) {
	b := &wire.Batch{}
	if err := wire.ScanBatch(message, b); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	return b, nil
}

func openBlock(payload []byte) (*drainlinev1.RawBlock, error) {
	message, err := wire.Open(nil, payload)
	if err != nil {
		return nil, err
	}
	return scanBlock(message)
}

func scanBlock(message []byte) (*drainlinev1.RawBlock, error) {
	block := &drainlinev1.RawBlock{}
	if err := wire.UnmarshalBlock(message, block); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	return block, nil
}
