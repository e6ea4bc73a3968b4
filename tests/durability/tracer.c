/* What a program does to the files below a folder, written down in the order it happens: loaded before the C library,
 * it carries out open, write, rename, unlink … as asked and appends a record of each, with the octets, to a trace.
 * fsync and fdatasync are only written down, after a moment in which the other threads go on: disk.py decides what a
 * power cut would leave, and for that the real disk need not be waited for.
 *
 * One process with any number of threads.  Writes through mmap are not seen (SQLite's -shm, which a restart rebuilds).
 *
 * Environment: TRACE_ROOT the folder, TRACE_FILE where to write, TRACE_ACKS a file whose writes are acknowledgements.
 *
 * A record: operation (1), file number (8), offset (8), length of the first text (4), of the second (4), both texts;
 * integers little-endian.  File numbers are inode numbers, which the file system gives again after an unlink: C begins
 * a new file in any case.
 *
 *   C create   path            T set size   (offset = size)     W write   (second text = octets)
 *   S sync     (file)          D sync       path of a folder    R rename  from, to
 *   U unlink   path            M mkdir      path                X rmdir   path
 *   L link     from, to        A acknowledge (second text = octets)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The 64-bit names are taken under their own name; without this, headers may rename them. */
#undef open
#undef openat
#undef pwrite
#undef ftruncate

#define MOST_FILES 65536
enum { UNKNOWN, FILE_OPEN, FOLDER_OPEN, ACKS_OPEN };

static struct { char kind; uint64_t number; char *path; } known[MOST_FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static const char *root, *acks;
static size_t root_length;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_mkdir)(const char *, mode_t);
static int (*real_rmdir)(const char *);
static int (*real_link)(const char *, const char *);

static void find_real(void)
{
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_mkdir = dlsym(RTLD_NEXT, "mkdir");
    real_rmdir = dlsym(RTLD_NEXT, "rmdir");
    real_link = dlsym(RTLD_NEXT, "link");
}

__attribute__((constructor)) static void begin(void)
{
    find_real();
    root = getenv("TRACE_ROOT");
    acks = getenv("TRACE_ACKS");
    const char *file = getenv("TRACE_FILE");
    if (root && file) {
        root_length = strlen(root);
        trace = real_open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (trace < 0) {
            perror(file);
            abort();
        }
    }
    unsetenv("LD_PRELOAD"); /* one process only */
}

static int is_ours(const char *path)
{
    return trace >= 0 && path && strncmp(path, root, root_length) == 0
        && (path[root_length] == '/' || path[root_length] == 0);
}

static void record(char operation, uint64_t number, uint64_t offset, const char *first, const void *second,
                   size_t second_length)
{
    size_t first_length = first ? strlen(first) : 0;
    unsigned char head[25];
    head[0] = (unsigned char)operation;
    for (int i = 0; i < 8; i++) {
        head[1 + i] = (unsigned char)(number >> (8 * i));
        head[9 + i] = (unsigned char)(offset >> (8 * i));
    }
    for (int i = 0; i < 4; i++) {
        head[17 + i] = (unsigned char)(first_length >> (8 * i));
        head[21 + i] = (unsigned char)(second_length >> (8 * i));
    }
    struct iovec parts[3] = {
        { head, sizeof head }, { (void *)first, first_length }, { (void *)second, second_length },
    };
    size_t whole = sizeof head + first_length + second_length;
    if (real_writev(trace, parts, 3) != (ssize_t)whole) {
        perror("trace");
        abort();
    }
}

static int note_open(const char *path, int flags, int existed, int fd)
{
    struct stat status;
    if (fd < 0 || fd >= MOST_FILES || fstat(fd, &status) != 0)
        return fd;
    known[fd].number = (uint64_t)status.st_ino;
    if (acks && strcmp(path, acks) == 0) {
        known[fd].kind = ACKS_OPEN;
    } else if (S_ISDIR(status.st_mode)) {
        known[fd].kind = FOLDER_OPEN;
        known[fd].path = strdup(path);
    } else if (S_ISREG(status.st_mode)) {
        known[fd].kind = FILE_OPEN;
        if (!existed)
            record('C', known[fd].number, 0, path, NULL, 0);
        else if (flags & O_TRUNC)
            record('T', known[fd].number, 0, NULL, NULL, 0);
    }
    return fd;
}

static int traced_open(int folder, const char *path, int flags, mode_t mode)
{
    if (!real_openat)
        find_real();
    if (!is_ours(path) && !(trace >= 0 && acks && path && strcmp(path, acks) == 0))
        return real_openat(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat status;
    int existed = lstat(path, &status) == 0;
    int fd = note_open(path, flags, existed, real_openat(folder, path, flags, mode));
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags, last) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, last); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { MODE(flags, flags) return traced_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return traced_open(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...)
{
    MODE(flags, flags) return traced_open(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...)
{
    MODE(flags, flags) return traced_open(folder, path, flags, mode);
}

static int kind_of(int fd) { return fd >= 0 && fd < MOST_FILES ? known[fd].kind : UNKNOWN; }

int close(int fd)
{
    if (!real_close)
        find_real();
    if (kind_of(fd) == UNKNOWN)
        return real_close(fd);
    pthread_mutex_lock(&lock);
    known[fd].kind = UNKNOWN;
    free(known[fd].path);
    known[fd].path = NULL;
    int result = real_close(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

static void note_write(int fd, off_t offset, const void *octets, ssize_t length)
{
    if (length > 0)
        record(known[fd].kind == ACKS_OPEN ? 'A' : 'W', known[fd].number, (uint64_t)offset, NULL, octets,
               (size_t)length);
}

static off_t position(int fd)
{
    struct stat status;
    if (fcntl(fd, F_GETFL) & O_APPEND)
        return fstat(fd, &status) == 0 ? status.st_size : 0;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *octets, size_t length)
{
    if (!real_write)
        find_real();
    int kind = kind_of(fd);
    if (kind != FILE_OPEN && kind != ACKS_OPEN)
        return real_write(fd, octets, length);
    pthread_mutex_lock(&lock);
    off_t offset = position(fd);
    ssize_t result = real_write(fd, octets, length);
    note_write(fd, offset, octets, result);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (!real_writev)
        find_real();
    if (kind_of(fd) != FILE_OPEN)
        return real_writev(fd, parts, count);
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        ssize_t result = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (result < 0)
            return sum ? sum : result;
        sum += result;
        if ((size_t)result < parts[i].iov_len)
            break;
    }
    return sum;
}

static ssize_t traced_pwrite(int fd, const void *octets, size_t length, off_t offset)
{
    if (!real_pwrite)
        find_real();
    if (kind_of(fd) != FILE_OPEN)
        return real_pwrite(fd, octets, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t result = real_pwrite(fd, octets, length, offset);
    note_write(fd, offset, octets, result);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite(int fd, const void *octets, size_t length, off_t offset)
{
    return traced_pwrite(fd, octets, length, offset);
}
ssize_t pwrite64(int fd, const void *octets, size_t length, off64_t offset)
{
    return traced_pwrite(fd, octets, length, offset);
}

static int traced_ftruncate(int fd, off_t size)
{
    if (!real_ftruncate)
        find_real();
    if (kind_of(fd) != FILE_OPEN)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int result = real_ftruncate(fd, size);
    if (result == 0)
        record('T', known[fd].number, (uint64_t)size, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return traced_ftruncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return traced_ftruncate(fd, size); }

/* Neither does anything that could be traced: a program that uses them must be seen to. */
int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    (void)fd, (void)mode, (void)offset, (void)length;
    errno = EOPNOTSUPP;
    return -1;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length)
{
    (void)fd, (void)offset, (void)length;
    return EOPNOTSUPP;
}

static int traced_sync(int fd, int (*real)(int))
{
    int kind = kind_of(fd);
    if (kind == UNKNOWN || kind == ACKS_OPEN)
        return real(fd);
    static atomic_uint moments;
    usleep(300 * (1 + atomic_fetch_add(&moments, 1) % 7));
    pthread_mutex_lock(&lock);
    record(kind == FOLDER_OPEN ? 'D' : 'S', known[fd].number, 0, known[fd].path, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd)
{
    if (!real_fsync)
        find_real();
    return traced_sync(fd, real_fsync);
}

int fdatasync(int fd)
{
    if (!real_fdatasync)
        find_real();
    return traced_sync(fd, real_fdatasync);
}

/* A change of names: carried out, and recorded if it succeeded. */
#define TRACED_CALL(operation, condition, call, first, second) \
    if (!real_rename) \
        find_real(); \
    if (!(condition)) \
        return call; \
    pthread_mutex_lock(&lock); \
    int result = call; \
    if (result == 0) \
        record_names(operation, first, second); \
    pthread_mutex_unlock(&lock); \
    return result;

static void record_names(char operation, const char *first, const char *second)
{
    record(operation, 0, 0, first, second, second ? strlen(second) : 0);
}

int rename(const char *from, const char *to)
{
    TRACED_CALL('R', is_ours(from) || is_ours(to), real_rename(from, to), from, to)
}
int link(const char *from, const char *to)
{
    TRACED_CALL('L', is_ours(from) || is_ours(to), real_link(from, to), from, to)
}
int unlink(const char *path) { TRACED_CALL('U', is_ours(path), real_unlink(path), path, NULL) }
int mkdir(const char *path, mode_t mode) { TRACED_CALL('M', is_ours(path), real_mkdir(path, mode), path, NULL) }
int rmdir(const char *path) { TRACED_CALL('X', is_ours(path), real_rmdir(path), path, NULL) }

/* By way of a folder's descriptor nothing is traced: whoever begins to do so must be told. */
static void refuse(int folder, const char *path)
{
    if (is_ours(path) || kind_of(folder) == FOLDER_OPEN) {
        fprintf(stderr, "tracer: %s by way of a folder's descriptor\n", path);
        abort();
    }
}
int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    static int (*real)(int, const char *, int, const char *);
    if (!real)
        real = dlsym(RTLD_NEXT, "renameat");
    refuse(from_folder, from);
    refuse(to_folder, to);
    return real(from_folder, from, to_folder, to);
}
int unlinkat(int folder, const char *path, int flags)
{
    static int (*real)(int, const char *, int);
    if (!real)
        real = dlsym(RTLD_NEXT, "unlinkat");
    refuse(folder, path);
    return real(folder, path, flags);
}
