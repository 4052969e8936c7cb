package player

// NewDetermined is New with a clock, a source of ids and an answer timeout of the test's choice.
var NewDetermined = newPlayer
