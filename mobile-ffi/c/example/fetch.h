/* One GET by HTTP/1.0 over a plain socket, so that the example needs no library. Apps use their own client. */
#ifndef FETCH_H
#define FETCH_H

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  char *answer;  /* The whole answer, ended by a zero; free it. */
  uint8_t *body; /* Where the body begins in it. */
  size_t length; /* Bytes of the body. */
} Fetched;

static int fetch_connect(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
  int link = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (link >= 0 && connect(link, found->ai_addr, found->ai_addrlen) != 0) {
    close(link);
    link = -1;
  }
  freeaddrinfo(found);
  return link;
}

/* What lies at `/api/v1/PATH`; ends the program where it cannot be had. */
static Fetched fetch(const char *host, const char *port, const char *path) {
  Fetched fetched = {calloc(1, 1), NULL, 0};
  size_t size = 0;
  int link = fetch_connect(host, port);
  if (link < 0 || dprintf(link, "GET /api/v1/%s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host) < 0) {
    fprintf(stderr, "no service at %s:%s\n", host, port);
    exit(1);
  }
  for (ssize_t count = 1; count > 0; size += (size_t)count) {
    fetched.answer = realloc(fetched.answer, size + 65537);
    count = read(link, fetched.answer + size, 65536);
    if (count < 0) break;
  }
  close(link);
  fetched.answer[size] = 0;
  char *end = strstr(fetched.answer, "\r\n\r\n");
  if (!end || strncmp(fetched.answer + 8, " 200", 4) != 0) {
    fprintf(stderr, "%s: %.*s\n", path, (int)strcspn(fetched.answer, "\r"), fetched.answer);
    exit(1);
  }
  fetched.body = (uint8_t *)end + 4;
  fetched.length = size - (size_t)(end + 4 - fetched.answer);
  return fetched;
}

#endif
