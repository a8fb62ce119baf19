// Package tig stands in for a module of nerdctl's tests that no proxy has: the program names its type and never uses it.
package tig

// T is what a test offers.
type T interface {
	Helper()
	Log(args ...any)
	FailNow()
	Fail()
}
