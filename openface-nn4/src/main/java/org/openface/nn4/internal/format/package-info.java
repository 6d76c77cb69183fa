/**
 * The formats of model files, each with its reader and writer, and how they are told apart. Not API.
 *
 * <p>What is written: safetensors ({@link org.openface.nn4.internal.format.ModelFile} with a checksum and, in a training's
 * state, the optimiser's memory; {@link org.openface.nn4.internal.format.Safetensors} without, for programs that change it),
 * Torch7's {@code .t7} and, for inference elsewhere, ONNX. What is read: all of these but ONNX, and the library's own format
 * before safetensors. Contents decide, never a file's name. A further format is a reader that gives {@code ModelFile.Contents},
 * a writer that takes them, and a line in {@link org.openface.nn4.internal.format.ModelFormats}.
 *
 * <p>Versions of the model file. 1 to 4 began with {@code OPENFACE}; 5, the present one, is safetensors. All of them are read, by
 * {@code load} and as the state of a training, and stay so; only the newest is written. The number goes up when an older
 * library would misunderstand a newer file, or leave out without a word something that changes what the model computes or how
 * a training goes on. It stays for what an older library may leave alone, such as another entry of the passport, and for an
 * optimiser that it does not know, whose name it refuses. A library that meets a newer version says which it has and which it
 * reads, and reads nothing. Libraries from before version 5 read a saved model of version 5 as safetensors of another program,
 * with its passport and unchecked, and refuse a training's state.
 */
@NullMarked
package org.openface.nn4.internal.format;

import org.jspecify.annotations.NullMarked;
