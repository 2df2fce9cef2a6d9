// Whether a sanitizer instruments this build, which gcc says by macros and clang by features. For what sanitizers cannot
// live with: little address space, limits of memory, forks.
#ifndef BASE_SANITIZED_H
#define BASE_SANITIZED_H

#ifdef __has_feature
#define SANITIZED_HAS(feature) __has_feature(feature)
#else
#define SANITIZED_HAS(feature) 0
#endif

#if defined(__SANITIZE_THREAD__) || SANITIZED_HAS(thread_sanitizer)
#define SANITIZED_THREADS 1
#else
#define SANITIZED_THREADS 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SANITIZED_HAS(address_sanitizer) || SANITIZED_THREADS
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#endif
