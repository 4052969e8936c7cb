// Package clients holds the tests with real HEC clients: Docker's log driver and
// the exporter of OpenTelemetry's collector, at exact versions, send through the
// door of the real program, and what arrives at Splunk is compared field by field.
package clients
