package join

import "bytes"

const (
	goPanicked state = 1 + iota // before the first goroutine
	goStack
	goBetween // behind the blank line after a goroutine
	goExited
)

// goTrace knows what Go's runtime prints of panics and fatal errors, and of the stacks of
// goroutines.
var goTrace = machine{
	start: {{isPanic, goPanicked}, {isFatalError, goPanicked}, {isGoroutine, goStack}},
	goPanicked: {
		{isGoroutine, goStack},
		{begins("runtime stack:"), goStack},
		{begins("panic: ", "\t", "[signal ", "PC="), goPanicked},
		{isFatalError, goPanicked},
		{isBlank, goPanicked},
		{isExit, goExited},
	},
	goStack: {
		{begins("\t", "created by ", "..."), goStack},
		{isFunction, goStack},
		{isGoroutine, goStack},
		{isBlank, goBetween},
		{isExit, goExited},
	},
	goBetween: {
		{isGoroutine, goStack},
		{begins("runtime stack:"), goStack},
		{isRegister, goBetween},
		{isBlank, goBetween},
		{isExit, goExited},
	},
	goExited: nil,
}

var (
	isFatalError = begins("fatal error: ", "runtime: ", "unexpected fault address ", "SIGQUIT: ", "SIGABRT: ", "SIGSEGV: ")
	isExit       = begins("exit status ", "signal: ")
)

// isPanic recognises a panic, behind the time too that package log writes before those it
// recovers.
func isPanic(line []byte) bool {
	return bytes.Contains(line, []byte("panic")) &&
		(bytes.Contains(line, []byte("panic: ")) || bytes.Contains(line, []byte("panic serving ")))
}

// isGoroutine recognises "goroutine 1 [running]:".
func isGoroutine(line []byte) bool {
	return hasPrefix(line, "goroutine ") && bytes.HasSuffix(trimRight(line), []byte("]:"))
}

// isFunction recognises "main.(*T).m(0x1, 0x2)": no blank before the first parenthesis,
// and nothing behind the last.
func isFunction(line []byte) bool {
	line = trimRight(line)
	open := bytes.IndexByte(line, '(')
	return open > 0 && line[len(line)-1] == ')' && bytes.IndexByte(line[:open], ' ') < 0
}

// isRegister recognises "rax    0x7f", as a signal that kills prints them.
func isRegister(line []byte) bool {
	const longest = len("rflags")
	i := bytes.IndexByte(line, ' ')
	return i > 0 && i <= longest && bytes.HasPrefix(bytes.TrimLeft(line[i:], " "), []byte("0x"))
}
