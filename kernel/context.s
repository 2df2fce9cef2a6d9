# The global in which a host leaves a reference to the call's context. C cannot name a global of type externref.
	.globaltype	extism_context, externref
	.export_name	extism_context, extism_context
	.globl	extism_context
extism_context:
