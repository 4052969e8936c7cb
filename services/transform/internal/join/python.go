package join

import "bytes"

const (
	pythonAnnounced state = 1 + iota // a traceback has to follow
	pythonFrames
	pythonRaised // after the line that names the exception
	pythonGap    // after a blank line behind that
	pythonChained
	pythonGroup
)

// pythonTrace knows tracebacks, chained ones and those of exception groups.
var pythonTrace = machine{
	start: {
		{isPythonGroup, pythonGroup},
		{isTraceback, pythonFrames},
		{isPythonFile, pythonFrames},
		{begins("Exception in thread ", "Exception ignored in"), pythonAnnounced},
	},
	pythonAnnounced: {{isPythonGroup, pythonGroup}, {isTraceback, pythonFrames}},
	pythonFrames:    {{isIndented, pythonFrames}, {isPythonException, pythonRaised}},
	pythonRaised: {
		{isPythonNote, pythonRaised},
		{isDatabaseMessage, pythonRaised},
		{isPythonChain, pythonChained},
		{isBlank, pythonGap},
	},
	pythonGap:     {{isBlank, pythonGap}, {isPythonChain, pythonChained}, {isDatabaseMessage, pythonRaised}},
	pythonChained: {{isBlank, pythonChained}, {isPythonGroup, pythonGroup}, {isTraceback, pythonFrames}},
	pythonGroup:   {{isIndentedWith("|", "+"), pythonGroup}, {isBlank, pythonGap}},
}

var (
	isPythonGroup = isIndentedWith("+ Exception Group Traceback (most recent call last):")
	isPythonChain = begins(
		"During handling of the above exception, another exception occurred:",
		"The above exception was the direct cause of the following exception:",
	)
)

func isTraceback(line []byte) bool {
	return bytes.Contains(line, []byte("Traceback (most recent call last):"))
}

// isPythonFile recognises what is before a syntax error: the place, without a traceback.
func isPythonFile(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`  File "`)) && bytes.Contains(line, []byte(`", line `))
}

// isPythonNote recognises what is indented behind an exception: notes, and the mark in a
// statement.
func isPythonNote(line []byte) bool {
	return isIndented(line) && !isPythonFile(line) && !isPythonGroup(line)
}

// isPythonException recognises "KeyError: 'a'" and "app.errors.Refused": a dotted name,
// alone or with a colon behind it.
func isPythonException(line []byte) bool {
	for i, c := range line {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c == '_', c >= 0x80, i > 0 && (isDigit(c) || c == '.' || c == '<' || c == '>'):
		case c == ':':
			return i > 0
		default:
			return i > 0 && isBlank(line[i:])
		}
	}
	return len(line) > 0
}
