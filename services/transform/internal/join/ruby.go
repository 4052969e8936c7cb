package join

import "bytes"

const (
	rubyRaised  state = 1 + iota // after the line that names the exception
	rubySnippet                  // the source that it happened in
	rubyMessage                  // of which the closing parenthesis has to come
	rubyRails
	rubyFrames
	rubyBetween // behind the blank line after frames
)

// rubyTrace knows what Ruby prints of an exception that nobody rescued, and how Rails,
// Rack and Sidekiq log one.
var rubyTrace = machine{
	start: {
		{isRubyRaise, rubyRaised},
		{isRailsException, rubyRails},
		{isRubyInspect, rubyRails},
		{isRailsMessage, rubyMessage},
		{isRubyError, rubyRaised},
	},
	rubyRaised: {
		{isRubyFrame, rubyFrames},
		{isRubyRaise, rubyRaised},
		{isIndented, rubyRaised},
		{isDatabaseMessage, rubyRaised},
		{isSuggestion, rubyRaised},
		{isBlank, rubySnippet},
	},
	rubySnippet: {
		{isRubyFrame, rubyFrames},
		{isIndented, rubySnippet},
		{isMarker, rubySnippet},
		{isSuggestion, rubySnippet},
		{isBlank, rubySnippet},
	},
	rubyMessage: {
		{begins(")"), rubyRails},
		{isIndented, rubyMessage},
		{isDatabaseMessage, rubyMessage},
	},
	rubyRails: {
		{isRubyFrame, rubyFrames},
		{isRailsException, rubyRails},
		{behindTags(isRailsCause), rubyRails},
		{behindTags(isRailsClass), rubyRails},
		{behindTags(isSuggestion), rubyRails},
		{behindTags(isIndented), rubyRails},
		{behindTags(isBlank), rubyRails},
	},
	rubyFrames: {
		{isRubyFrame, rubyFrames},
		{isIndentedWith("... "), rubyFrames},
		{isRubyRaise, rubyRaised},
		{behindTags(isRailsCause), rubyRails},
		{behindTags(isBlank), rubyBetween},
	},
	rubyBetween: {
		{isRubyFrame, rubyFrames},
		{behindTags(isRailsCause), rubyRails},
		{behindTags(isBlank), rubyBetween},
	},
}

var (
	isSuggestion = beginsAfterBlanks("Did you mean?")
	isRubyFrom   = isIndentedWith("from ")
	// isRailsCause recognises what Rails writes between an exception and its causes.
	isRailsCause = begins("Causes:", "Information for")
)

// isRubyRaise recognises "app.rb:12:in 'm': message (Class)".
func isRubyRaise(line []byte) bool {
	line = trimRight(line)
	if !bytes.HasSuffix(line, []byte(")")) {
		return false
	}
	place := rubyPlace(line)
	return place >= 0 && bytes.Contains(line[place:], []byte("': "))
}

// isRubyFrame recognises "app.rb:12:in 'm'", with from before it or without.
func isRubyFrame(line []byte) bool {
	if isRubyFrom(line) {
		return true
	}
	line = trimRight(line)
	return bytes.HasSuffix(line, []byte("'")) && rubyPlace(line) >= 0
}

// rubyPlace returns where ":12:in 'm'" begins in a line, or -1. The opening quote is a
// backtick before Ruby 3.4.
func rubyPlace(line []byte) int {
	const in = ":in "
	i := bytes.Index(line, []byte(in))
	if i < 1 || i+len(in) == len(line) || line[i+len(in)] != '`' && line[i+len(in)] != '\'' {
		return -1
	}
	digits := i
	for digits > 0 && isDigit(line[digits-1]) {
		digits--
	}
	if digits == i || digits == 0 || line[digits-1] != ':' {
		return -1
	}
	return digits - 1
}

// isRailsException recognises "NoMethodError (undefined method 'x' for nil):".
func isRailsException(line []byte) bool {
	if !bytes.HasSuffix(trimRight(line), []byte("):")) {
		return false
	}
	_, rest := errorConstant(untagged(line))
	return hasPrefix(rest, " (")
}

// isRailsClass recognises the same as it stands among causes, without the colon.
func isRailsClass(line []byte) bool {
	name, rest := errorConstant(line)
	return isErrorName(name) && hasPrefix(rest, " (")
}

// isRailsMessage recognises the first where the message has more lines.
func isRailsMessage(line []byte) bool {
	if bytes.IndexByte(line, '(') < 0 {
		return false
	}
	name, rest := errorConstant(untagged(line))
	return isErrorName(name) && hasPrefix(rest, " (") && !bytes.HasSuffix(trimRight(rest), []byte(")"))
}

// isRubyError recognises "NoMethodError: undefined method 'x' for nil".
func isRubyError(line []byte) bool {
	if !bytes.Contains(line, []byte(": ")) {
		return false
	}
	name, rest := errorConstant(untagged(line))
	return isErrorName(name) && hasPrefix(rest, ": ")
}

// isRubyInspect recognises what ends with "#<NoMethodError: undefined method 'x' for nil>".
func isRubyInspect(line []byte) bool {
	line = trimRight(line)
	if !bytes.HasSuffix(line, []byte(">")) {
		return false
	}
	for {
		_, rest, ok := bytes.Cut(line, []byte("#<"))
		if !ok {
			return false
		}
		if name, message := errorConstant(rest); isErrorName(name) && hasPrefix(message, ": ") {
			return true
		}
		line = rest
	}
}

// behindTags matches what is behind the tags of a line.
func behindTags(match func(line []byte) bool) func(line []byte) bool {
	return func(line []byte) bool { return match(untagged(line)) }
}

// errorConstant cuts the name of a class off a text, such as ActiveRecord::RecordNotFound.
func errorConstant(text []byte) (name, rest []byte) {
	if len(text) == 0 || text[0] < 'A' || text[0] > 'Z' {
		return nil, text
	}
	i := 1
	for i < len(text) {
		c := text[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', isDigit(c), c == '_':
			i++
		case c == ':' && i+1 < len(text) && text[i+1] == ':':
			i += 2
		default:
			return text[:i], text[i:]
		}
	}
	return text, nil
}

func isErrorName(name []byte) bool {
	return bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Exception")) || bytes.Contains(name, []byte("::"))
}

// untagged cuts off what loggers write before a message: the tags of Rails, "[3f0c…] ",
// the severity and time of Logger, "F, [2024-… #4] FATAL -- : ", and the word WARN: or
// ERROR: of Sidekiq with what is before it.
func untagged(line []byte) []byte {
	if len(line) > 2 && line[1] == ',' {
		if i := bytes.Index(line, []byte(" -- ")); i >= 0 {
			if _, message, ok := bytes.Cut(line[i:], []byte(": ")); ok {
				line = message
			}
		}
	} else if bytes.HasPrefix(line, []byte("pid=")) {
		for _, level := range []string{" WARN: ", " ERROR: ", " FATAL: "} {
			if _, message, ok := bytes.Cut(line, []byte(level)); ok {
				line = message
				break
			}
		}
	}
	for len(line) > 0 && line[0] == '[' {
		_, rest, ok := bytes.Cut(line, []byte("] "))
		if !ok {
			break
		}
		line = rest
	}
	return line
}
