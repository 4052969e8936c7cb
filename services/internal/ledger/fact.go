package ledger

// Fact is the name under which GET /status has the rows that Told tells of.
const Fact = "ledger"

// Told returns what tells the rows of a process since its start: those of each ledger one
// after another, not added up. So the Last of the shipper's rows is that of what it has
// delivered.
func Told(ledgers ...*Ledger) func() any {
	return func() any {
		rows := []Row{}
		for _, l := range ledgers {
			rows = append(rows, l.Rows()...)
		}
		return rows
	}
}
