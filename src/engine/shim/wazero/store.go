package main

/*
#include "engine/wazero/hooks.h"

static inline uint8_t *resize(const wazero_callbacks *callbacks, void *store, uint32_t module, uint64_t bytes,
                              uint64_t most) {
	return callbacks->resize(store, module, bytes, most);
}
*/
import "C"

import (
	"context"
	"strconv"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// A store is the instances of an image's modules.
type store struct {
	image     *image
	adapter   unsafe.Pointer // what C calls this store
	modules   []api.Module
	functions []map[string]*function // of each module, those that were asked for
	calling   callContext
}

// A callContext leads from a call to its store. It has nothing else to tell, and is asked with every call.
type callContext struct {
	context.Context
	store *store
}

func (*callContext) Value(any) any { return nil }

//export ubiq_wazero_store_new
func ubiq_wazero_store_new(handle C.wazero_handle, adapter unsafe.Pointer,
	message *C.wazero_message) (made C.wazero_handle) {
	self := &store{image: of[image](handle), adapter: adapter}
	self.calling = callContext{context.Background(), self}
	defer func() {
		if made == 0 {
			self.close()
		}
	}()
	defer catch(message)
	if err := self.instantiate(); err != nil {
		say(message, err)
		return 0
	}
	self.functions = make([]map[string]*function, len(self.modules))
	return keep(self)
}

//export ubiq_wazero_store_delete
func ubiq_wazero_store_delete(handle C.wazero_handle) {
	release[store](handle).close()
}

func (self *store) close() {
	for _, module := range self.modules {
		module.Close(context.Background())
	}
}

func (self *store) instantiate() error {
	ctx := experimental.WithImportResolver(context.Background(), self.resolve)
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(self.allocate))
	for _, code := range self.image.modules {
		module, err := self.image.engine.runtime.InstantiateModule(ctx, code, self.image.config)
		if err != nil {
			return err
		}
		self.modules = append(self.modules, module)
	}
	return nil
}

// resolve finds what the name of an import's module means; that name is made by the adapter.
func (self *store) resolve(name string) api.Module {
	if name == C.WAZERO_HOST_MODULE {
		return self.image.host
	}
	place, err := strconv.Atoi(name)
	if err != nil || place < 0 || place >= len(self.modules) {
		return nil
	}
	return self.modules[place]
}

// A memory is C's: it does not move, and C finds it without asking.
type memory struct {
	store  *store
	module int
	most   uint64
}

// allocate is called while the module that the memory belongs to is instantiated.
func (self *store) allocate(_, most uint64) experimental.LinearMemory {
	return &memory{self, len(self.modules), most}
}

func (self *memory) Reallocate(size uint64) []byte {
	store := self.store
	base := C.resize(store.image.engine.callbacks, store.adapter, C.uint32_t(self.module), C.uint64_t(size),
		C.uint64_t(self.most))
	if base == nil {
		return nil
	}
	return unsafe.Slice((*byte)(base), size)
}

// Free has nothing to do: memories end with the adapter's store.
func (*memory) Free() {}
