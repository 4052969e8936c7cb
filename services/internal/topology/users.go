package topology

import (
	"slices"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/proto/wire"
	"github.com/drainline/drainline/services/internal/bus"
)

// Names of the users that a NATS server knows, by what they are for.
const (
	UserIngest    = "ingest"
	UserTransform = "transform"
	UserShipper   = "shipper"
	// UserAdmin makes and changes streams, and reads and writes none of their messages.
	UserAdmin = "admin"
	// UserOperator looks at everything, and replays and removes dead letters.
	UserOperator = bus.Operator
	// UserBackup reads whole streams with NATS' own command, and makes them anew out of that.
	UserBackup = "backup"
)

// UserNames are all of them.
func UserNames() []string {
	return []string{UserIngest, UserTransform, UserShipper, UserAdmin, UserOperator, UserBackup}
}

// User is somebody on the bus, with all that he needs there and nothing else.
type User struct {
	Name string
	// Publish and Subscribe are subjects, with NATS' wildcards.
	Publish   []string
	Subscribe []string
}

// Users are those of the services and of the people who run them, with what they need by a
// configuration: another destination, shard or promise of acknowledgement is more.
func Users(c *config.Config) []User {
	p := permits{plan: New(c, 0), names: wire.Names{Prefix: c.Bus.Prefix}, acknowledges: Acknowledges(c)}
	return []User{p.ingest(), p.transform(), p.shipper(), p.admin(), p.operator(), p.backup()}
}

// JetStream's requests, which are followed by a stream, and a consumer where it is about one.
const (
	apiAccount        = "$JS.API.INFO"
	apiStreams        = "$JS.API.STREAM.LIST"
	apiStreamNames    = "$JS.API.STREAM.NAMES"
	apiStream         = "$JS.API.STREAM.INFO."
	apiCreate         = "$JS.API.STREAM.CREATE."
	apiUpdate         = "$JS.API.STREAM.UPDATE."
	apiDelete         = "$JS.API.STREAM.DELETE."
	apiGet            = "$JS.API.STREAM.MSG.GET."
	apiRemove         = "$JS.API.STREAM.MSG.DELETE."
	apiConsumer       = "$JS.API.CONSUMER.INFO."
	apiConsumerCreate = "$JS.API.CONSUMER.CREATE."
	apiConsumerDelete = "$JS.API.CONSUMER.DELETE."
	apiNext           = "$JS.API.CONSUMER.MSG.NEXT."
	apiUnpin          = "$JS.API.CONSUMER.UNPIN."
	apiSnapshot       = "$JS.API.STREAM.SNAPSHOT."
	apiRestore        = "$JS.API.STREAM.RESTORE."
	apiAck            = "$JS.ACK."

	// What a backup brings is acknowledged, and what a restore takes is sent, on subjects of their own.
	snapshotAck     = "$JS.SNAPSHOT.ACK."
	snapshotRestore = "$JS.SNAPSHOT.RESTORE."

	// whoAmI is answered by every server, with the name of who asks.
	whoAmI = "$SYS.REQ.USER.INFO"
)

// permits works out what users need by a plan.
type permits struct {
	plan         Plan
	names        wire.Names
	acknowledges bool
}

// ingest stores blocks, and looks into those that wait when it starts, for what it has
// stored already. With acknowledgement it follows what the others tell.
func (p permits) ingest() User {
	u := p.service(UserIngest)
	for _, s := range p.raw() {
		u.publish(s.Config.Subjects[0], apiGet+s.Config.Name)
	}
	u.publish(p.names.SeenSubject())
	u.subscribe(p.names.SeenSubject())
	if p.acknowledges {
		u.publish(p.names.AckIDSubjects(), p.names.AckSubject(wire.StageIngest))
		u.publish(reading(p.names.AckStream())...)
	}
	return u.User
}

// transform takes blocks and stores batches.
func (p permits) transform() User {
	u := p.service(UserTransform)
	for _, s := range p.raw() {
		u.publish(consuming(s)...)
	}
	for _, s := range p.events() {
		u.publish(s.Config.Subjects...)
	}
	p.processing(&u, wire.StageTransform)
	return u.User
}

// shipper takes batches.
func (p permits) shipper() User {
	u := p.service(UserShipper)
	for _, s := range p.events() {
		u.publish(consuming(s)...)
	}
	p.processing(&u, wire.StageShipper)
	return u.User
}

// admin is for `drainline streams apply`, and for what that says to do by hand.
func (p permits) admin() User {
	u := p.person(UserAdmin)
	for _, s := range p.plan.Streams {
		u.publish(apiCreate+s.Config.Name, apiUpdate+s.Config.Name, apiDelete+s.Config.Name)
		if s.Consumer != nil {
			consumer := s.Config.Name + "." + s.Consumer.Durable
			u.publish(apiConsumerCreate+consumer, apiConsumerDelete+consumer)
		}
	}
	return u.User
}

// operator is for all other commands.
func (p permits) operator() User {
	u := p.person(UserOperator)
	u.publish(p.names.StatusSubject(), "$SRV.>")
	u.subscribe(p.names.RawSubjects(), p.names.EventsSubjects(), p.names.DeadSubjects())
	for _, stream := range []string{p.names.DeadStream(), p.names.LedgerStream(), p.names.AuditStream()} {
		u.publish(reading(stream)...)
	}
	u.publish(apiGet+p.names.DeadStream(), apiRemove+p.names.DeadStream(), p.names.LedgerSubjectsOf(UserOperator))
	for _, s := range slices.Concat(p.raw(), p.events()) { // what is replayed
		u.publish(s.Config.Subjects...)
	}
	return u.User
}

// backup is for `nats backup`, with the inbox of this user.
func (p permits) backup() User {
	u := userPermits{User{Name: UserBackup}}
	u.subscribe(wire.InboxPrefix(UserBackup) + ".>")
	u.publish(apiStreams, apiStreamNames)
	for _, s := range p.plan.Streams {
		name := s.Config.Name
		u.publish(apiStream+name, apiSnapshot+name, apiRestore+name, snapshotAck+name+".*", snapshotRestore+name+".*")
	}
	return u.User
}

// service is what every service needs: to see whether the streams are as they should be and
// what waits in them, to keep its books, and to be seen.
func (p permits) service(name string) userPermits {
	u := p.user(name, name)
	u.publish(p.names.DeadSubject(name, "*"), p.names.LedgerSubjectsOf(name), wire.InboxPrefix(UserOperator)+".>")
	u.subscribe(p.names.StatusSubject())
	const discovery = "$SRV.*"
	micro := wire.MicroService(name)
	u.subscribe(discovery, discovery+"."+micro, discovery+"."+micro+".*")
	return u
}

// person is what everybody needs who works with commands, which all have the operator's inbox.
func (p permits) person(name string) userPermits {
	u := p.user(name, UserOperator)
	u.publish(apiStreams)
	return u
}

// user is what everybody needs who looks at the streams.
func (p permits) user(name, inbox string) userPermits {
	u := userPermits{User{Name: name}}
	u.subscribe(wire.InboxPrefix(inbox) + ".>")
	u.publish(apiAccount, whoAmI, p.names.AuditSubject())
	for _, s := range p.plan.Streams {
		u.publish(apiStream + s.Config.Name)
		if s.Consumer != nil {
			u.publish(apiConsumer + s.Config.Name + "." + s.Consumer.Durable)
		}
	}
	return u
}

// processing is what comes with looking into messages: notes on those that may kill.
func (p permits) processing(u *userPermits, stage string) {
	u.publish(p.names.SuspectSubjectsOf(stage), apiGet+p.names.SuspectStream())
	if p.acknowledges {
		u.publish(p.names.AckSubject(stage))
	}
}

// raw are the streams that transform takes from.
func (p permits) raw() []Stream {
	return p.streams(func(s Stream) bool { return s.Consumer != nil && s.Destination == "" })
}

// events are the streams of destinations.
func (p permits) events() []Stream {
	return p.streams(func(s Stream) bool { return s.Destination != "" })
}

func (p permits) streams(which func(Stream) bool) []Stream {
	return slices.DeleteFunc(slices.Clone(p.plan.Streams), func(s Stream) bool { return !which(s) })
}

// consuming is taking from the consumer of a stream.
func consuming(s Stream) []string {
	consumer := s.Config.Name + "." + s.Consumer.Durable
	subjects := []string{apiNext + consumer, apiAck + consumer + ".>"}
	if s.Consumer.PriorityPolicy != 0 {
		subjects = append(subjects, apiUnpin+consumer)
	}
	return subjects
}

// reading is reading all of a stream with consumers that last as long as that.
func reading(stream string) []string {
	return []string{
		apiConsumerCreate + stream + ".>", apiConsumer + stream + ".*", apiNext + stream + ".*", apiConsumerDelete + stream + ".*",
	}
}

// userPermits is a user who is given more.
type userPermits struct{ User }

func (u *userPermits) publish(subjects ...string) { u.Publish = append(u.Publish, subjects...) }

func (u *userPermits) subscribe(subjects ...string) { u.Subscribe = append(u.Subscribe, subjects...) }
