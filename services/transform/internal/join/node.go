package join

import "bytes"

const (
	nodePlace  state = 1 + iota // file and line, of which the source follows
	nodeSource                  // that, which a mark follows
	nodeMark
	nodeThrown // after the line that names the error
	nodeFrames
	nodeFields // between braces
	nodeEnd
)

// nodeTrace knows what Node.js prints of errors: uncaught, rejected, or by console.error.
var nodeTrace = machine{
	start:      {{isNodePlace, nodePlace}, {both(opens, isNodeError), nodeFields}, {isNodeError, nodeThrown}},
	nodePlace:  {{anything, nodeSource}},
	nodeSource: {{isMarker, nodeMark}},
	nodeMark: {
		{isBlank, nodeMark},
		{both(opens, isNodeReport), nodeFields},
		{isNodeReport, nodeThrown},
	},
	nodeThrown: {
		{both(opens, isNodeFrame), nodeFields},
		{isNodeFrame, nodeFrames},
		{isIndented, nodeThrown},
		{begins("Require stack:", "- ", "+ ", "Caused by:"), nodeThrown},
		{isBlank, nodeThrown},
		{isNodeVersion, nodeEnd},
	},
	nodeFrames: {
		{both(opens, isNodeFrame), nodeFields},
		{isNodeFrame, nodeFrames},
		{begins("Emitted 'error' event", "From previous event:"), nodeFrames},
		{begins("Caused by:", "caused by:"), nodeThrown},
		{isBlank, nodeEnd},
		{isNodeVersion, nodeEnd},
	},
	nodeFields: {{isIndented, nodeFields}, {begins("}", "]"), nodeEnd}},
	nodeEnd:    {{isBlank, nodeEnd}, {isNodeVersion, nodeEnd}},
}

var (
	isNodeFrame   = isIndentedWith("at ", "... ")
	isNodeVersion = begins("Node.js v")
	nodeErrors    = []string{"Error", "Exception"}
)

// isNodeError recognises "TypeError: x", "AssertionError [ERR_ASSERTION]: x" and a lone
// "Error", anywhere in a line.
func isNodeError(line []byte) bool { return namesError(line, nodeErrors, " [") }

// isNodeReport is what may follow the mark: an error, or what was thrown in its place.
func isNodeReport(line []byte) bool { return isNodeError(line) || bytes.HasPrefix(line, []byte("[")) }

// isNodePlace recognises "/app/index.js:10", "file:///app/index.mjs:10" and
// "node:events:491".
func isNodePlace(line []byte) bool {
	line = trimRight(line)
	colon := bytes.LastIndexByte(line, ':')
	if colon < 0 || colon == len(line)-1 || !hasPrefix(line, "/", "file://", "node:") {
		return false
	}
	for _, c := range line[colon+1:] {
		if !isDigit(c) {
			return false
		}
	}
	name := line[:colon]
	return bytes.HasPrefix(name, []byte("node:")) || bytes.HasSuffix(name, []byte("js")) || bytes.HasSuffix(name, []byte("ts"))
}
