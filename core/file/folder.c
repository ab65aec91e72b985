/* The pictures in a folder and in those below it, by their endings. Names only:
 * "a/" for each folder in it, "a/b/c.png" for each picture, in the order of
 * their bytes. What begins with a dot is not looked at. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "file.h"

enum { DEEPEST = 16 };  /* folders in one another: links may go round */

typedef struct walk {
  const char *root;
  moon__listing *list;
  moon_fail *fail;
  int depth;
} walk;

static char *join(const char *a, const char *b, const char *end) {
  size_t room = strlen(a) + strlen(b) + strlen(end) + 2;
  char *text = moon__malloc(room);
  snprintf(text, room, "%s%s%s", a, b, end);
  return text;
}

static bool is_picture(const char *name) {
  static const char *const endings[] = {".png", ".jpg", ".jpeg"};
  size_t n = strlen(name);
  for (int i = 0; i < 3; i++) {
    size_t m = strlen(endings[i]);
    if (n > m && !strcasecmp(name + n - m, endings[i])) return true;
  }
  return false;
}

static int walk_folder(walk *w, const char *inner);

/* `inner` ends with a slash, or is empty. */
static int look_at(walk *w, DIR *folder, const char *inner, const char *name) {
  struct stat st;
  if (*name == '.') return MOON_OK;
  /* One that has gone meanwhile, or a link to nothing, is not there. */
  if (fstatat(dirfd(folder), name, &st, 0)) return MOON_OK;
  if (S_ISREG(st.st_mode) && is_picture(name)) {
    moon__listing_add(w->list, NULL, join(inner, name, ""));
  }
  if (!S_ISDIR(st.st_mode)) return MOON_OK;
  char *next = join(inner, name, "/");
  if (w->depth == 1) moon__listing_add(w->list, NULL, moon__text_copy(next));
  int status = walk_folder(w, next);
  free(next);
  return status;
}

static int walk_folder(walk *w, const char *inner) {
  char *path = join(w->root, "/", inner);
  DIR *folder = opendir(path);
  int status = MOON_OK;
  if (!folder) {
    status = moon__file_fail(w->fail, path, "%s", strerror(errno));
  } else if (++w->depth > DEEPEST) {
    status = moon__file_fail(w->fail, path, "more than %d folders in one "
                             "another", DEEPEST);
  } else {
    struct dirent *d;
    while (status == MOON_OK && (d = readdir(folder))) {
      status = look_at(w, folder, inner, d->d_name);
    }
    w->depth--;
  }
  if (folder) closedir(folder);
  free(path);
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const moon__entry *)a)->name,
                ((const moon__entry *)b)->name);
}

int moon__folder_list(const char *path, moon__listing *list,
                      moon_fail *fail) {
  walk w = {.root = path, .list = list, .fail = fail};
  int status = walk_folder(&w, "");
  if (list->n > 0) {
    qsort(list->entry, (size_t)list->n, sizeof *list->entry, by_name);
  }
  return status;
}
