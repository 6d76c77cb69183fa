package org.openface.align.internal.directory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.AlignReport;
import org.openface.align.face.FaceBox;
import org.openface.align.face.Point;
import org.openface.align.face.SkipReason;

/** Rows of any number and any names, of several runs at once, killed and finished. */
class AlignmentTableTest {
    private static final String HEADER = "photograph,result,face,faces,left,top,width,height,landmarks,detail";

    @TempDir
    Path folder;

    private static FaceNote note(int faces) {
        return new FaceNote(
                "x.jpg",
                1,
                1,
                1,
                faces,
                new FaceBox(-1, 2, 3, 4.5),
                List.of(new Point(-3, 4), new Point(5, 6)),
                null,
                "");
    }

    private List<String> lines() throws IOException {
        return Files.readAllLines(folder.resolve(AlignReport.FILE_NAME));
    }

    private List<AlignReport.Row> rows() throws IOException {
        List<AlignReport.Row> rows = new ArrayList<>();
        AlignReport.readTable(folder, rows::add);
        return rows;
    }

    private List<Path> journals() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".part")).toList();
        }
    }

    // ------------------------------------------------------------------ cells

    @Test
    void anyTextIsReadBackAndNoneIsAFormula() throws IOException {
        List<String> hostile = List.of(
                "=HYPERLINK(\"http://x\",\"y\")/1.jpg",
                "+1/1.jpg",
                "-2+3/1.jpg",
                "@SUM(A1)/1.jpg",
                "\t=1/1.jpg",
                "\r=1/1.jpg",
                "a\nb/c\rd.jpg",
                "a\u0000\u007f\u0085\u2028b/\\u000a.jpg",
                "'t Hooft/1.jpg",
                "'t Hooft, Jan/1.jpg",
                "'\"=/1.jpg",
                "\ud800/\udc00.jpg",
                "\ud83d\ude00/\\.jpg",
                "a, \"b\"/1.jpg");
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            for (String name : hostile) {
                table.add(name, name + ".png", note(1));
            }
            table.merge();
        }
        assertThat(rows()).extracting(AlignReport.Row::photograph).containsExactlyInAnyOrderElementsOf(hostile);
        assertThat(rows()).allSatisfy(row -> {
            assertThat(row.face()).isEqualTo(row.photograph() + ".png");
            assertThat(row.box()).isEqualTo(new FaceBox(-1, 2, 3, 4.5));
            assertThat(row.landmarks()).containsExactly(new Point(-3, 4), new Point(5, 6));
        });
        assertThat(lines()).hasSize(1 + hostile.size()).allSatisfy(line -> {
            for (String cell : spreadsheet(line)) {
                assertThat(cell.matches("-[0-9.]+") || !cell.matches("(?s)[=+\\-@\t\r].*"))
                        .as(cell)
                        .isTrue();
            }
        });
    }

    /** Cells as other programs read them. */
    private static List<String> spreadsheet(String line) {
        List<String> cells = new ArrayList<>();
        StringBuilder cell = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (quoted && c == '"' && i + 1 < line.length() && line.charAt(i + 1) == '"') {
                cell.append(c);
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                cells.add(cell.toString());
                cell.setLength(0);
            } else {
                cell.append(c);
            }
        }
        cells.add(cell.toString());
        assertThat(cells).hasSize(10);
        return cells;
    }

    @Test
    void cellsOfAnyCharactersAreReadBack() {
        Random random = new Random(1);
        String characters = "=+-@'\",\\u001aé\u0000\n\r\t\u2028\ud83d\ude00 ";
        for (int i = 0; i < 5_000; i++) {
            List<String> cells = new ArrayList<>();
            for (int k = 0; k < 3; k++) {
                StringBuilder cell = new StringBuilder();
                for (int length = random.nextInt(6); length > 0; length--) {
                    cell.append(characters.charAt(random.nextInt(characters.length())));
                }
                cells.add(cell.toString());
            }
            String line = Csv.line(cells);
            assertThat(Csv.cells(line)).isEqualTo(cells);
            assertThat(line).doesNotContain("\n", "\r");
            assertThat(Csv.first(line)).isEqualTo(Csv.cell(cells.get(0)));
        }
    }

    @Test
    void tablesOfEarlierVersionsAreReadAndKept() throws IOException {
        Files.writeString(
                folder.resolve(AlignReport.FILE_NAME),
                HEADER + "\n"
                        + "\"'t Hooft, Jan/1.jpg\",NO_FACE,,,,,,,,no face\n"
                        + "'t Hooft/\\u0041.jpg,NO_FACE,,,,,,,,no face\n"
                        + "=1+1/1.jpg,ALIGNED,=1+1/1.png,1,-1.00,2.00,3.00,4.00,5.00 6.00,\n"
                        + "ann/1.jpg,ALIGNED,ann/1.png,1,-1.00,2.00,3.00,4.00,5.00 6.00,\n"
                        + "not a row at all\n");
        List<AlignReport.Row> before = new ArrayList<>();
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> AlignReport.readTable(folder, before::add))
                .withMessageContaining("not a row at all");
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            table.add("=1+1/1.jpg", "=1+1/1.png", note(2));
            table.merge();
        }
        assertThat(lines())
                .hasSize(6)
                .contains("not a row at all")
                .anyMatch(line -> line.startsWith("\"'=1+1/1.jpg\","));
        assertThat(lines()).noneMatch(line -> line.startsWith("="));
        Files.writeString(
                folder.resolve(AlignReport.FILE_NAME),
                Files.readString(folder.resolve(AlignReport.FILE_NAME)).replace("not a row at all\n", ""));
        assertThat(rows())
                .extracting(AlignReport.Row::photograph)
                .containsExactlyInAnyOrder("'t Hooft, Jan/1.jpg", "'t Hooft/\\u0041.jpg", "=1+1/1.jpg", "ann/1.jpg");
        assertThat(before).as("read until then").hasSize(4);
        assertThat(rows())
                .filteredOn(row -> row.photograph().startsWith("="))
                .singleElement()
                .satisfies(row -> assertThat(row.faces()).isEqualTo(2));
    }

    @Test
    void whatASpreadsheetWroteIsRead() throws IOException {
        Files.writeString(
                folder.resolve(AlignReport.FILE_NAME), "\ufeff" + HEADER + "\r\nann/1.jpg,NO_FACE,,,,,,,,no face\r\n");
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            table.addSkipped("bob/1.jpg", SkipReason.NO_FACE, "");
            table.merge();
        }
        assertThat(lines()).containsExactly(HEADER, "ann/1.jpg,NO_FACE,,,,,,,,no face", "bob/1.jpg,NO_FACE,,,,,,,,");
    }

    // ------------------------------------------------------------------ several runs

    @Test
    void rowsAreThereBeforeTheEnd() throws IOException {
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            table.addSkipped("ann/1.jpg", SkipReason.NO_FACE, "nobody");
            assertThat(journals()).hasSize(1);
            assertThat(Files.readAllLines(journals().get(0)))
                    .containsExactly(HEADER, "ann/1.jpg,NO_FACE,,,,,,,,nobody");
            table.merge();
            assertThat(journals()).isEmpty();
        }
    }

    @Test
    void runsThatOverlapKeepEachOthersRows() throws IOException {
        try (AlignmentTable one = AlignmentTable.open(folder);
                AlignmentTable two = AlignmentTable.open(folder);
                AlignmentTable three = AlignmentTable.open(folder)) {
            one.addSkipped("a/1", SkipReason.NO_FACE, "one");
            two.addSkipped("a/1", SkipReason.NO_FACE, "two");
            one.addSkipped("a/2", SkipReason.NO_FACE, "one");
            three.addSkipped("a/3", SkipReason.NO_FACE, "three");
            one.merge();
            two.addSkipped("a/4", SkipReason.NO_FACE, "two");
            two.merge();
            three.remove("a/4");
            three.merge();
        }
        assertThat(rows())
                .extracting(row -> row.photograph() + row.detail())
                .containsExactly("a/1two", "a/2one", "a/3three");
        assertThat(journals()).isEmpty();
    }

    /** A run was killed, and the disk was full or the power gone in the middle of a row. */
    @Test
    void theWholeRowsOfAKilledRunAreKept() throws IOException {
        try (AlignmentTable killed = AlignmentTable.open(folder)) {
            killed.addSkipped("a/1", SkipReason.NO_FACE, "killed");
            killed.addSkipped("a/2", SkipReason.NO_FACE, "killed");
        }
        Path journal = journals().get(0);
        Files.write(journal, new byte[] {'a', '/', '3', ',', (byte) 0xc3}, StandardOpenOption.APPEND);
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            table.addSkipped("a/2", SkipReason.NO_FACE, "later");
            table.merge();
        }
        assertThat(rows()).extracting(row -> row.photograph() + row.detail()).containsExactly("a/1killed", "a/2later");
        assertThat(journals()).isEmpty();
    }

    @Test
    void rowsAreInTheTableWhileTheRunGoesOn() throws IOException {
        try (AlignmentTable one = AlignmentTable.open(folder);
                AlignmentTable two = AlignmentTable.open(folder)) {
            one.addSkipped("a/2", SkipReason.NO_FACE, "one");
            two.addSkipped("a/1", SkipReason.NO_FACE, "two");
            one.mergeIfDue();
            assertThat(folder.resolve(AlignReport.FILE_NAME)).doesNotExist();
            one.mergeSoFar();
            assertThat(rows()).extracting(AlignReport.Row::photograph).containsExactly("a/2");
            two.mergeSoFar();
            one.addSkipped("a/2", SkipReason.NO_FACE, "one, later");
            one.addSkipped("a/3", SkipReason.NO_FACE, "one, later");
            assertThat(rows()).extracting(AlignReport.Row::detail).containsExactly("two", "one");
            one.mergeSoFar();
            assertThat(rows()).extracting(AlignReport.Row::detail).containsExactly("two", "one, later", "one, later");
            for (Path journal : journals()) {
                assertThat(Files.readAllLines(journal)).containsExactly(HEADER);
            }
            one.merge();
            two.merge();
        }
        assertThat(lines()).hasSize(4);
        assertThat(journals()).isEmpty();
    }

    /** Adds rows until it is killed, merging all the time, and says which it has added. */
    public static final class Merging {
        private Merging() {}

        /** Arguments: folder, name. */
        public static void main(String... arguments) throws IOException {
            try (AlignmentTable table = AlignmentTable.open(Path.of(arguments[0]))) {
                for (int i = 0; ; i++) {
                    SkipRecord.Memo memo =
                            SkipRecord.Memo.of(arguments[1] + "/" + i, SkipReason.NO_FACE, "", i, 1, 1, "");
                    table.addSkipped(arguments[1] + "/" + i, SkipReason.NO_FACE, "", i % 2 == 0 ? memo : null);
                    System.out.println(i);
                    if (i % 20 == 0) {
                        table.mergeSoFar();
                    }
                }
            }
        }
    }

    /** Two processes that merge all the time are killed again and again: no row is lost that one of them had added. */
    @Test
    void aKillWhileMergingLosesNoRow() throws Exception {
        merging(3);
    }

    @Test
    @Tag("soak")
    void manyKillsWhileMergingLoseNoRow() throws Exception {
        merging(40);
    }

    private void merging(int kills) throws Exception {
        Random random = new Random(9);
        List<String> names = new ArrayList<>();
        List<Path> logs = new ArrayList<>();
        for (int kill = 0; kill < kills; kill++) {
            List<Process> running = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                names.add("run" + kill + "-" + i);
                logs.add(Files.createTempFile("merging", ".log"));
                running.add(new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java")
                                        .toString(),
                                "-Xmx32m",
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Merging.class.getName(),
                                folder.toString(),
                                names.get(names.size() - 1))
                        .redirectErrorStream(true)
                        .redirectOutput(logs.get(logs.size() - 1).toFile())
                        .start());
            }
            for (int i = 0; i < 2; i++) {
                while (Files.size(logs.get(logs.size() - 2 + i)) < 200) {
                    assertThat(running.get(i).isAlive()).isTrue();
                    Thread.sleep(1);
                }
            }
            Thread.sleep(random.nextInt(100));
            for (Process process : running) {
                process.destroyForcibly().waitFor();
            }
        }
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            table.merge();
        }
        Map<String, AlignReport.Row> rows = new HashMap<>();
        AlignReport.readTable(folder, row -> assertThat(rows.put(row.photograph(), row))
                .as(row.photograph())
                .isNull());
        SkipRecord record = new SkipRecord(folder);
        for (int run = 0; run < names.size(); run++) {
            List<String> added = Files.readAllLines(logs.get(run));
            for (int i = 0; i < added.size() - 1; i++) { // the last line may be half a number
                assertThat(added.get(i)).isEqualTo(Integer.toString(i));
                String photograph = names.get(run) + "/" + i;
                assertThat(rows).containsKey(photograph);
                assertThat(record.find(photograph).isPresent()).as(photograph).isEqualTo(i % 2 == 0);
            }
            Files.delete(logs.get(run));
        }
        assertThat(journals()).isEmpty();
    }

    /** Every row is found by halving the file, and none that is not there. */
    @Test
    void aRememberedPhotographIsFoundAmongMany() throws IOException {
        Random random = new Random(4);
        String letters = "ab,\"\u6797\ud83d\ude00 =/\n";
        Map<String, Integer> expected = new HashMap<>();
        try (AlignmentTable table = AlignmentTable.open(folder)) {
            for (int i = 0; i < 3000; i++) {
                StringBuilder name = new StringBuilder();
                for (int k = random.nextInt(i % 50 == 0 ? 3000 : 6); k >= 0; k--) {
                    name.append(letters.charAt(random.nextInt(letters.length())));
                }
                boolean memo = random.nextBoolean();
                if (memo) {
                    expected.put(name.toString(), i);
                } else {
                    expected.remove(name.toString());
                }
                table.addSkipped(
                        name.toString(),
                        SkipReason.NO_FACE,
                        "",
                        memo
                                ? SkipRecord.Memo.of(name.toString(), SkipReason.NO_FACE, "x\ny", i, 2, 3, "settings")
                                : null);
            }
            table.merge();
        }
        SkipRecord record = new SkipRecord(folder);
        for (Map.Entry<String, Integer> photograph : expected.entrySet()) {
            SkipRecord.Memo memo = record.find(photograph.getKey()).orElseThrow();
            assertThat(memo.bytes()).isEqualTo(photograph.getValue().longValue());
            assertThat(memo.detail()).isEqualTo("x\ny");
            assertThat(memo.holds(photograph.getKey(), "settings")).isTrue();
            assertThat(memo.holds(photograph.getKey(), "others")).isFalse();
            assertThat(memo.holds(photograph.getKey() + "1", "settings")).isFalse();
            String other = photograph.getKey() + "b";
            assertThat(record.find(other).isPresent()).isEqualTo(expected.containsKey(other));
        }
        assertThat(expected).hasSizeGreaterThan(500);
    }

    /** Adds rows in a JVM of its own, under names of its own. */
    public static final class Program {
        private Program() {}

        /** Arguments: folder, name, rows; {@code kill} to end without merging. */
        public static void main(String... arguments) throws IOException {
            int count = Integer.parseInt(arguments[2]);
            AlignmentTable table = AlignmentTable.open(Path.of(arguments[0]));
            for (int i = 0; i < count; i++) {
                table.addSkipped(
                        name(arguments[1], (int) (i * 7919L % count)), SkipReason.NO_FACE, "of " + arguments[1]);
            }
            if (arguments.length > 3) {
                Runtime.getRuntime().halt(0);
            }
            table.merge();
        }

        static String name(String run, int number) {
            return String.format("%s-p%04d/%07d \u6797.jpg", run, number / 1000, number);
        }
    }

    private Process start(String heap, String name, int count, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                heap,
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName(),
                folder.toString(),
                name,
                Integer.toString(count)));
        command.addAll(List.of(more));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(Files.createTempFile("table", ".log").toFile())
                .start();
    }

    @Test
    void processesAtOnceLoseNoRow() throws Exception {
        assertThat(start("-Xmx32m", "killed", 500, "kill").waitFor(60, TimeUnit.SECONDS))
                .isTrue();
        List<Process> running = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            running.add(start("-Xmx32m", "run" + i, 500));
        }
        for (Process process : running) {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
        }
        Map<String, Integer> counts = new HashMap<>();
        rows().forEach(row -> counts.merge(row.detail(), 1, Integer::sum));
        assertThat(counts).isEqualTo(Map.of("of killed", 500, "of run0", 500, "of run1", 500, "of run2", 500));
        assertThat(journals()).isEmpty();
    }

    // ------------------------------------------------------------------ many

    @Test
    void rowsAreSortedWhateverFitsIntoMemory() throws IOException {
        Random random = new Random(3);
        Map<String, String> expected = new TreeMap<>();
        List<String> sorted = new ArrayList<>();
        try (RowSorter sorter = new RowSorter(folder.resolve("sorting"), 200)) {
            for (int i = 0; i < 6000; i++) {
                String key = Csv.cell((random.nextBoolean() ? "," : "") + random.nextInt(2000) + "\u6797");
                expected.put(key, key + "," + i);
                sorter.add(key + "," + i);
            }
            sorter.sorted(sorted::add);
        }
        assertThat(sorted).containsExactlyElementsOf(expected.values());
        assertThat(folder.resolve("sorting")).doesNotExist();
    }

    private void inOrder(String name, int count) throws IOException {
        try (BufferedReader in = Files.newBufferedReader(folder.resolve(AlignReport.FILE_NAME))) {
            assertThat(in.readLine()).isEqualTo(HEADER);
            for (int i = 0; i < count; i++) {
                String row = Program.name(name, i) + ",NO_FACE,,,,,,,,of " + name;
                if (!row.equals(in.readLine())) {
                    assertThat(i).as("row that is wrong").isEqualTo(-1);
                }
            }
            assertThat(in.readLine()).isNull();
        }
    }

    /** The table of 40,000 photographs would not fit into the heap. */
    @Test
    void memoryDoesNotDependOnTheNumberOfRows() throws Exception {
        many("-Xmx14m", 40_000, 1);
    }

    @Test
    @Tag("soak")
    void twoMillionRowsInASmallHeap() throws Exception {
        many("-Xmx32m", 2_000_000, 2);
    }

    private void many(String heap, int count, int runs) throws Exception {
        for (int run = 0; run < runs; run++) {
            Process process = start(heap, "run", count);
            assertThat(process.waitFor(600, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
            inOrder("run", count);
        }
    }
}
