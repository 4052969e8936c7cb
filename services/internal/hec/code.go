// Package hec is what Splunk's HTTP Event Collector says on the wire, once for
// everybody who speaks it: the codes and their texts, the answers to requests, the
// event envelope, both encoded and scanned, and the lines of a raw body.
package hec

import "net/http"

// Code is HEC's own status code, the "code" of an answer. It says more than the
// HTTP status: success is Success, and also QueueNearlyFull and AckNearlyFull.
type Code int

// The codes of Splunk's table, 0 to 27.
const (
	Success Code = iota
	TokenDisabled
	TokenRequired
	InvalidAuthorization
	InvalidToken
	NoData
	InvalidDataFormat
	IncorrectIndex
	InternalError
	ServerBusy
	ChannelMissing
	InvalidChannel
	EventRequired
	EventBlank
	AckDisabled
	InvalidFields
	QueryAuthDisabled
	Healthy
	QueuesFull
	AckUnavailable
	QueuesFullAckUnavailable
	HealthInvalidToken
	HealthTokenDisabled
	ShuttingDown
	QueueNearlyFull
	AckNearlyFull
	QueueFull
	AckFull
)

// Codes outside the table. NotFound is Splunk's, also sent with HTTP 405. For the
// other two Splunk sends HTML, on which clients that expect JSON (Kafka Connect)
// retry for ever, so they are answered in the shape of NotFound.
const (
	NotFound            Code = 404
	TooLarge            Code = 413
	UnsupportedEncoding Code = 415
)

type meaning struct {
	status int
	text   string
}

// Splunk's published table.
var meanings = [...]meaning{
	Success:                  {http.StatusOK, "Success"},
	TokenDisabled:            {http.StatusForbidden, "Token disabled"},
	TokenRequired:            {http.StatusUnauthorized, "Token is required"},
	InvalidAuthorization:     {http.StatusUnauthorized, "Invalid authorization"},
	InvalidToken:             {http.StatusForbidden, "Invalid token"},
	NoData:                   {http.StatusBadRequest, "No data"},
	InvalidDataFormat:        {http.StatusBadRequest, "Invalid data format"},
	IncorrectIndex:           {http.StatusBadRequest, "Incorrect index"},
	InternalError:            {http.StatusInternalServerError, "Internal server error"},
	ServerBusy:               {http.StatusServiceUnavailable, "Server is busy"},
	ChannelMissing:           {http.StatusBadRequest, "Data channel is missing"},
	InvalidChannel:           {http.StatusBadRequest, "Invalid data channel"},
	EventRequired:            {http.StatusBadRequest, "Event field is required"},
	EventBlank:               {http.StatusBadRequest, "Event field cannot be blank"},
	AckDisabled:              {http.StatusBadRequest, "ACK is disabled"},
	InvalidFields:            {http.StatusBadRequest, "Error in handling indexed fields"},
	QueryAuthDisabled:        {http.StatusBadRequest, "Query string authorization is not enabled"},
	Healthy:                  {http.StatusOK, "HEC is healthy"},
	QueuesFull:               {http.StatusServiceUnavailable, "HEC is unhealthy, queues are full"},
	AckUnavailable:           {http.StatusServiceUnavailable, "HEC is unhealthy, ack service unavailable"},
	QueuesFullAckUnavailable: {http.StatusServiceUnavailable, "HEC is unhealthy, queues are full, ack service unavailable"},
	HealthInvalidToken:       {http.StatusBadRequest, "Invalid token"},
	HealthTokenDisabled:      {http.StatusBadRequest, "Token disabled"},
	ShuttingDown:             {http.StatusServiceUnavailable, "Server is shutting down"},
	QueueNearlyFull:          {http.StatusOK, "HEC queue is approaching its capacity limit"},
	AckNearlyFull:            {http.StatusOK, "HEC ACK is approaching its capacity limit"},
	QueueFull: {
		http.StatusTooManyRequests,
		"HEC queue is at capacity and cannot process any more requests",
	},
	AckFull: {
		http.StatusTooManyRequests,
		"HEC ACK channel is at capacity and cannot process any more requests",
	},
}

func (c Code) meaning() meaning {
	switch c {
	case NotFound:
		return meaning{http.StatusNotFound, "The requested URL was not found on this server."}
	case TooLarge:
		return meaning{http.StatusRequestEntityTooLarge, "The request your client sent was too large."}
	case UnsupportedEncoding:
		return meaning{http.StatusUnsupportedMediaType, "The content encoding is not supported."}
	}
	if c < 0 || int(c) >= len(meanings) {
		return meaning{}
	}
	return meanings[c]
}

// Status is the HTTP status Splunk sends with the code, 0 for a code that is not
// known here.
func (c Code) Status() int { return c.meaning().status }

// Text is the text Splunk sends with the code, empty for a code that is not
// known here.
func (c Code) Text() string { return c.meaning().text }
