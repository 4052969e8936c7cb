package heroku

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// maxLost bounds the messages that one line may say were lost.
const maxLost = 1_000_000_000

// Lost returns how many messages a line with the code L10, L12 or L13 says were lost
// before they reached us, 1 to 1,000,000,000. The forms are "Error L10 (output buffer
// overflow): 3 messages dropped since …", with "drain 'd.…' dropped 3 messages" in it
// since 2021, and log-shuttle's "Error L13: 7 messages lost since …". A line without
// a number still says that something was lost.
func Lost(text []byte) int { return lost(fields.Alias(text)) }

func lost(text string) int {
	end := strings.Index(text, " message")

	lost, unit := 0, 1
	for i := end - 1; i >= 0 && isDigit(text[i]) && lost < maxLost; i-- {
		lost += int(text[i]-'0') * unit
		unit = min(10*unit, maxLost)
	}

	return max(1, min(lost, maxLost))
}
