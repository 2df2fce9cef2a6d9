// The Go side of the adapter in src/engine/wazero: what it needs of wazero, as C functions. See hooks.h there.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../.. -DUBIQ_GO
#include "engine/wazero/hooks.h"
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// A library has no main to run.
func main() {}

// kept is what C has handles of. A handle is the address of what it stands for, which does not change: Go's collector
// frees what nobody has, but moves nothing.
var kept = struct {
	sync.Mutex
	all map[uintptr]any
}{all: map[uintptr]any{}}

// keep makes a handle, to be released.
func keep[T any](what *T) C.wazero_handle {
	handle := uintptr(unsafe.Pointer(what))
	kept.Lock()
	defer kept.Unlock()
	kept.all[handle] = what
	return C.wazero_handle(handle)
}

// of answers what a handle stands for.
func of[T any](handle C.wazero_handle) *T {
	return *(**T)(unsafe.Pointer(&handle))
}

// release ends a handle and answers what it stood for.
func release[T any](handle C.wazero_handle) *T {
	kept.Lock()
	defer kept.Unlock()
	what := kept.all[uintptr(handle)].(*T)
	delete(kept.all, uintptr(handle))
	return what
}

// say tells C why something failed.
func say(message *C.wazero_message, err error) {
	text := unsafe.Slice((*byte)(unsafe.Pointer(&message.text[0])), len(message.text))
	message.size = C.size_t(copy(text, err.Error()))
}

// catch turns a panic, which must not reach C, into a message. To be deferred.
func catch(message *C.wazero_message) {
	if caught := recover(); caught != nil {
		say(message, fmt.Errorf("panic: %v", caught))
	}
}
