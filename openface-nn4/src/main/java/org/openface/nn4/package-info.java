/**
 * The nn4 networks. {@link org.openface.nn4.Nn4Model} is all that users need; what it is made of is in {@code internal}: what
 * the networks are ({@code network}), what a training step does ({@code training}), what runs them ({@code engine}) and how
 * they are written to files ({@code format}).
 */
@NullMarked
package org.openface.nn4;

import org.jspecify.annotations.NullMarked;
