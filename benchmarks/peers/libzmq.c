/* One side of a throughput or latency measurement over libzmq, blocking, as its own perf tools do it.
 *
 * The functions are declared here because wheels of pyzmq bring the library but no header.
 * Usage: libzmq-worker version
 *        libzmq-worker throughput|latency bind|connect|inproc|proxy ENDPOINT ONWARD SIZE FRAMES CHUNK
 *                      WARMUP_SECONDS DURATION_SECONDS MIN_ROUND_TRIPS MAX_ROUND_TRIPS TIMEOUT_SECONDS
 * ONWARD is where a proxy passes messages on to, "-" for the others.
 * Prints the same lines of JSON as the workers in Python.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ZMQ_REQ = 3, ZMQ_REP = 4, ZMQ_PULL = 7, ZMQ_PUSH = 8 };
enum { ZMQ_RCVMORE = 13, ZMQ_SNDHWM = 23, ZMQ_RCVHWM = 24, ZMQ_LAST_ENDPOINT = 32, ZMQ_SNDMORE = 2 };
enum { HWM = 1000 };

typedef struct {
    _Alignas(void *) unsigned char bytes[64];
} zmq_msg_t;

extern void *zmq_ctx_new(void);
extern void *zmq_socket(void *context, int type);
extern int zmq_bind(void *socket, const char *endpoint);
extern int zmq_connect(void *socket, const char *endpoint);
extern int zmq_setsockopt(void *socket, int option, const void *value, size_t size);
extern int zmq_getsockopt(void *socket, int option, void *value, size_t *size);
extern int zmq_send(void *socket, const void *data, size_t size, int flags);
extern int zmq_msg_init(zmq_msg_t *message);
extern int zmq_msg_recv(zmq_msg_t *message, void *socket, int flags);
extern int zmq_msg_close(zmq_msg_t *message);
extern int zmq_proxy(void *frontend, void *backend, void *capture);
extern int zmq_errno(void);
extern const char *zmq_strerror(int number);
extern void zmq_version(int *major, int *minor, int *patch);

typedef struct {
    const char *scenario, *role, *endpoint, *onward;
    size_t size;
    int frames, chunk;
    double warmup, duration;
    size_t min_trips, max_trips;
} spec_t;

static spec_t spec;
static void *context;
static char *payload;

static void check(int is_good, const char *what) {
    if (!is_good) {
        fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
        exit(1);
    }
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *new_socket(int type) {
    int hwm = HWM;
    void *socket = zmq_socket(context, type);
    check(socket != NULL, "zmq_socket");
    check(zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm) == 0, "ZMQ_SNDHWM");
    check(zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm) == 0, "ZMQ_RCVHWM");
    return socket;
}

static void *connected_socket(int type, const char *endpoint) {
    void *socket = new_socket(type);
    check(zmq_connect(socket, endpoint) == 0, "zmq_connect");
    return socket;
}

static void *open_socket(int type, int is_binder) {
    if (!is_binder)
        return connected_socket(type, spec.endpoint);
    void *socket = new_socket(type);
    char endpoint[256];
    size_t size = sizeof endpoint;
    check(zmq_bind(socket, spec.endpoint) == 0, "zmq_bind");
    check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "ZMQ_LAST_ENDPOINT");
    printf("{\"endpoint\": \"%s\"}\n", endpoint);
    fflush(stdout);
    return socket;
}

static void receive(void *socket, zmq_msg_t *frame) {
    for (int index = 0; index < spec.frames; index++)
        check(zmq_msg_recv(frame, socket, 0) >= 0, "zmq_msg_recv");
}

static void send_message(void *socket) {
    for (int index = 1; index < spec.frames; index++)
        check(zmq_send(socket, payload, spec.size, ZMQ_SNDMORE) >= 0, "zmq_send");
    check(zmq_send(socket, payload, spec.size, 0) >= 0, "zmq_send");
}

static void take_chunk(void *socket, zmq_msg_t *frame) {
    for (int index = 0; index < spec.chunk; index++)
        receive(socket, frame);
}

static void measure_flow(void *socket) {
    zmq_msg_t frame;
    long chunks = 0;
    double elapsed = 0, warm, start, cpu;
    zmq_msg_init(&frame);
    take_chunk(socket, &frame);
    for (warm = seconds(CLOCK_MONOTONIC) + spec.warmup; seconds(CLOCK_MONOTONIC) < warm;)
        take_chunk(socket, &frame);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    start = seconds(CLOCK_MONOTONIC);
    while (elapsed < spec.duration) {
        take_chunk(socket, &frame);
        chunks++;
        elapsed = seconds(CLOCK_MONOTONIC) - start;
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"metrics\": {\"messages_per_second\": %.3f, \"cpu_percent\": %.3f}}\n",
           (double)chunks * spec.chunk / elapsed, 100 * cpu / elapsed);
    fflush(stdout);
}

static void *flood(void *socket) {
    for (;;)
        send_message(socket);
    return NULL;
}

static void *answer(void *socket) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    for (;;) {
        receive(socket, &frame);
        send_message(socket);
    }
    return NULL;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Linear between the two samples next to it, as in stats.py. */
static double quantile(const double *sorted, size_t count, double fraction) {
    double position = fraction * (double)(count - 1);
    size_t below = (size_t)position, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (position - (double)below);
}

static void measure_round_trips(void *socket) {
    zmq_msg_t frame;
    size_t count = 0;
    double *taken = malloc(spec.max_trips * sizeof *taken), end;
    check(taken != NULL, "malloc");
    zmq_msg_init(&frame);
    for (end = 0; end == 0 || seconds(CLOCK_MONOTONIC) < end;) {
        send_message(socket);
        receive(socket, &frame);
        if (end == 0)
            end = seconds(CLOCK_MONOTONIC) + spec.warmup;
    }
    end = seconds(CLOCK_MONOTONIC) + spec.duration;
    while (count < spec.max_trips && (count < spec.min_trips || seconds(CLOCK_MONOTONIC) < end)) {
        double start = seconds(CLOCK_MONOTONIC);
        send_message(socket);
        receive(socket, &frame);
        taken[count++] = (seconds(CLOCK_MONOTONIC) - start) * 1e6;
    }
    qsort(taken, count, sizeof *taken, by_value);
    printf("{\"metrics\": {\"p50_us\": %.3f, \"p99_us\": %.3f}, \"percentiles\": [", quantile(taken, count, 0.5),
           quantile(taken, count, 0.99));
    for (int percent = 0; percent < 100; percent++) /* stats.FRACTIONS */
        printf("%.3f, ", quantile(taken, count, percent / 100.0));
    printf("%.3f, %.3f]}\n", quantile(taken, count, 0.995), quantile(taken, count, 0.999));
    fflush(stdout);
    free(taken);
}

static void run_inproc(int is_latency) {
    pthread_t thread;
    void *here = open_socket(is_latency ? ZMQ_REP : ZMQ_PULL, 1);
    void *there = open_socket(is_latency ? ZMQ_REQ : ZMQ_PUSH, 0);
    check(pthread_create(&thread, NULL, is_latency ? answer : flood, is_latency ? here : there) == 0, "pthread_create");
    if (is_latency)
        measure_round_trips(there);
    else
        measure_flow(here);
}

int main(int argc, char **argv) {
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        printf("%d.%d.%d\n", major, minor, patch);
        return 0;
    }
    if (argc != 13) {
        fprintf(stderr, "expected 12 arguments, see libzmq.c\n");
        return 2;
    }
    spec = (spec_t){.scenario = argv[1], .role = argv[2], .endpoint = argv[3], .onward = argv[4],
                    .size = strtoul(argv[5], NULL, 10), .frames = atoi(argv[6]), .chunk = atoi(argv[7]),
                    .warmup = atof(argv[8]), .duration = atof(argv[9]),
                    .min_trips = strtoul(argv[10], NULL, 10), .max_trips = strtoul(argv[11], NULL, 10)};
    alarm((unsigned)atoi(argv[12]));
    context = zmq_ctx_new();
    payload = calloc(1, spec.size);
    check(context != NULL && payload != NULL, "start");
    int is_latency = strcmp(spec.scenario, "latency") == 0, is_binder = strcmp(spec.role, "bind") == 0;
    if (strcmp(spec.role, "inproc") == 0)
        run_inproc(is_latency);
    else if (strcmp(spec.role, "proxy") == 0)
        zmq_proxy(open_socket(ZMQ_PULL, 1), connected_socket(ZMQ_PUSH, spec.onward), NULL);
    else if (is_latency && is_binder)
        answer(open_socket(ZMQ_REP, 1));
    else if (is_latency)
        measure_round_trips(open_socket(ZMQ_REQ, 0));
    else if (is_binder)
        measure_flow(open_socket(ZMQ_PULL, 1));
    else
        flood(open_socket(ZMQ_PUSH, 0));
    /* The other thread, if there is one, is in the middle of a call: nothing is torn down. */
    _exit(0);
}
