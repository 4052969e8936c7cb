package join

import "bytes"

const (
	javaThrown state = 1 + iota // after the line that names the exception
	javaFrames
)

// javaTrace knows the stack traces of the JVM, whichever language it runs.
var javaTrace = machine{
	start: {{isJavaException, javaThrown}},
	javaThrown: {
		{isJavaFrame, javaFrames},
		{isJavaCause, javaThrown},
		{isIndented, javaThrown}, // the rest of a message, as PostgreSQL's driver writes it
		{isBlank, javaThrown},
	},
	javaFrames: {{isJavaFrame, javaFrames}, {isJavaCause, javaThrown}},
}

var (
	isJavaFrame = isIndentedWith("at ", "... ", "- locked ", "- waiting ", "[CIRCULAR REFERENCE", "(Coroutine ")
	isJavaCause = beginsAfterBlanks("Caused by:", "Suppressed:", "Wrapped by:", "nested exception is:")
	javaErrors  = []string{"Exception", "Error", "Throwable"}
)

func isJavaException(line []byte) bool {
	return namesError(line, javaErrors) || bytes.HasPrefix(line, []byte(`Exception in thread "`))
}
