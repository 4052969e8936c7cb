// Package clients holds the tests with real peers of HEC, at exact versions. Clients
// (Docker's log driver, the exporter of OpenTelemetry's collector) send through the
// door of the real program, and what arrives at Splunk is compared field by field. The
// collector's receiver takes Splunk's place behind it.
package clients
