/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said, to people and to programs. */
#include "tool.h"

#include <stdarg.h>
#include <string.h>

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fusept: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void problem_print(const struct problem *problem, const char *indent, FILE *out)
{
	print_safely(problem->what, out);
	fprintf(out, "\n%sexpected: %s\n%sto do: %s\n", indent, problem->expected, indent,
		problem->todo);
}

void complain_of(const char *path, const struct problem *problem)
{
	fputs("fusept: ", stderr);
	print_safely(path, stderr);
	fputs(": ", stderr);
	problem_print(problem, "  ", stderr);
}

const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err < 0 ? -err : err) : "";

	return name ? name : "unknown";
}

/*
 * Length of the UTF-8 character that text begins with, 0 if that is none.  Overlong forms
 * and surrogates are left to the reader: no file name has them by accident.
 */
static size_t utf8_length(const char *text)
{
	unsigned char first = (unsigned char)*text;
	size_t length = first < 0x80   ? 1
			: first < 0xc2 ? 0
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
				       : 4;

	if (first > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

void json_string(const char *text, FILE *out)
{
	fputc('"', out);
	while (*text) {
		size_t length = utf8_length(text);

		if (!length) {
			fputs("\\ufffd", out);
			length = 1;
		} else if (*text == '"' || *text == '\\') {
			fprintf(out, "\\%c", *text);
		} else if (length == 1 && (unsigned char)*text < ' ') {
			fprintf(out, "\\u%04x", (unsigned int)*text);
		} else {
			fwrite(text, 1, length, out);
		}
		text += length;
	}
	fputc('"', out);
}

void print_safely(const char *text, FILE *out)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f)
			fprintf(out, "\\%03o", c);
		else
			fputc(c, out);
	}
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (*text == '\\' && is_octal(text[1]) && is_octal(text[2]) && is_octal(text[3])) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}
