/**
 * What a training changes, as plain arrays: the form in which engines take a network over and give it back, and in which
 * files hold it. Not API.
 */
@NullMarked
package org.openface.nn4.internal.state;

import org.jspecify.annotations.NullMarked;
