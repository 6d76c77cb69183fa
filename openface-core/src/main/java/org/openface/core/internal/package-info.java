/**
 * Files that appear whole, names, permissions and random numbers, shared by the modules of this project. Neither this
 * package nor those below it are part of the API: they change without notice, and only this project's modules may use them.
 */
@NullMarked
package org.openface.core.internal;

import org.jspecify.annotations.NullMarked;
