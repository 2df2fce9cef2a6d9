// A box around what does not compile, for terminals.
#ifndef CLI_DEV_BOX_H
#define CLI_DEV_BOX_H

/// Prints an error to standard error: on a terminal within a box, red unless NO_COLOR is set; elsewhere as command_fail does.
void dev_box_print(const char *message);

#endif
