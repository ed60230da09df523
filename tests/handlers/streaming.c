/* A function as small as one can be, for tests that need a thousand: it streams the lines that its event asks for.
   Query of the event: lines=<count>&bytes=<of each>&pause=<milliseconds between them>. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char event[65536];

static int connected(const char *api) {
    char host[256];
    snprintf(host, sizeof host, "%s", api);
    char *port = strrchr(host, ':');
    *port++ = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    inet_pton(AF_INET, host, &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) exit(1);
    return fd;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = write(fd, data, size);
        if (sent <= 0) exit(2);
        data += sent;
        size -= sent;
    }
}

/* The body of what comes, once it is whole. */
static char *receive(int fd) {
    size_t size = 0, wanted = 0;
    char *body = NULL;
    while (!body || (size_t)(event + size - body) < wanted) {
        ssize_t received = read(fd, event + size, sizeof event - 1 - size);
        if (received <= 0) exit(3);
        size += received;
        event[size] = 0;
        if (!body && (body = strstr(event, "\r\n\r\n"))) {
            body += 4;
            char *length = strcasestr(event, "content-length:");
            wanted = length ? strtoul(length + 15, NULL, 10) : 0;
        }
    }
    return body;
}

static long asked(const char *body, const char *name, long otherwise) {
    char key[32];
    const char *query = strstr(body, "\"rawQueryString\":\"");
    snprintf(key, sizeof key, "%s=", name);
    const char *found = query ? strstr(query, key) : NULL;
    return found ? strtol(found + strlen(key), NULL, 10) : otherwise;
}

int main(void) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    char text[1024], id[64];
    for (;;) {
        int fd = connected(api);
        int length = snprintf(text, sizeof text, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", api);
        send_all(fd, text, length);
        char *body = receive(fd), *header = strcasestr(event, "lambda-runtime-aws-request-id:");
        sscanf(header + 30, " %63[^\r]", id);
        long lines = asked(body, "lines", 1), bytes = asked(body, "bytes", 8), pause_ms = asked(body, "pause", 0);
        close(fd);
        fd = connected(api);
        length = snprintf(text, sizeof text,
            "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n"
            "Content-Type: text/plain\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\r\n", id, api);
        send_all(fd, text, length);
        char *line = malloc(bytes);
        memset(line, '.', bytes);
        line[bytes - 1] = '\n';
        for (long number = 0; number < lines; number++) {
            if (number) usleep(pause_ms * 1000);
            length = snprintf(text, sizeof text, "%lx\r\n", bytes);
            send_all(fd, text, length);
            send_all(fd, line, bytes);
            send_all(fd, "\r\n", 2);
        }
        free(line);
        send_all(fd, "0\r\n\r\n", 5);
        receive(fd);
        close(fd);
    }
}
