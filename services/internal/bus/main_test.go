package bus

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes the test binary one of the processes that a test kills.
const childEnv = "BUS_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "append":
		appendForever()
	case "consume":
		consumeUntilPoisoned()
	}
}
