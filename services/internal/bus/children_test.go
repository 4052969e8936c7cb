package bus

func appendForever() {}
func consumeUntilPoisoned() {}
