package org.openface.core.cleaning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.DatasetSplitter.Placement;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.Folders;

class CleaningPlanTest {
    @TempDir
    private Path folder;

    private FaceDataset dataset = Folders.imagined(1);

    @BeforeEach
    void index() throws IOException {
        dataset = FaceDataset.index(Folders.named(folder.resolve("data"), 3, 3, 2));
    }

    private static Finding finding(ReviewList list, String decision, double score, String identity, String image) {
        return new Finding(list, Decision.parse(decision), score, identity, image, "", "why");
    }

    private CleaningPlan plan(String... rows) {
        List<Finding> findings = new ArrayList<>();
        for (String row : rows) {
            String[] cells = row.split(": ");
            String[] place = cells[1].split("/", 2);
            findings.add(finding(ReviewList.OUTLIERS, cells[0], 1, place[0], place.length > 1 ? place[1] : ""));
        }
        return CleaningPlan.of(dataset, findings);
    }

    private static List<String> places(FaceDataset faces) {
        return faces.faces().stream()
                .map(face -> face.identity() + "/" + face.fileName())
                .toList();
    }

    @Test
    void removesMovesAndKeeps() {
        CleaningPlan plan = plan(
                "keep: p0/0.png",
                "remove: p0/1.png",
                "move to p1: p0/2.png",
                "move to new: p1/0.png",
                "move to p1: p2");
        assertThat(plan.removedImages()).isEqualTo(1);
        assertThat(plan.movedImages()).isEqualTo(4);
        assertThat(places(plan.apply()))
                .containsExactlyInAnyOrder(
                        "new/0.png", "p0/0.png", "p1/1.png", "p1/2.png", "p1/2.png", "p1/0.png", "p1/1.png");
        assertThat(dataset.size()).isEqualTo(8);
    }

    @Test
    void removalGoesBeforeMovingAndImagesFollowPeople() {
        assertThat(places(plan("remove: p0/0.png", "move to p3: p0/0.png", "keep: p0/0.png")
                        .apply()))
                .doesNotContain("p0/0.png", "p3/0.png")
                .hasSize(7);
        assertThat(places(plan("move to p1: p0/0.png", "remove: p1").apply()))
                .containsExactly("p0/1.png", "p0/2.png", "p2/0.png", "p2/1.png");
        assertThat(plan("move to p1: p0/0.png", "move to p2: p1").apply().identities())
                .containsExactly("p0", "p2");
        assertThat(plan("move to p1: p0", "move to p2: p1").apply().identities())
                .containsExactly("p2");
    }

    @Test
    void refusesWhatCannotBe() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan("move to p1: p0", "move to p2: p1", "move to p0: p2"))
                .withMessageContaining("circle");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan("move to p1: p0/0.png", "move to p2: p0/0.png"))
                .withMessageContaining("p0/0.png is to be moved to \"p2\", and in finding 1 to \"p1\"");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan("remove: p9"))
                .withMessageContaining("no person \"p9\"");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan("remove: p0/9.png"))
                .withMessageContaining("p0 has no image \"9.png\"");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> plan("remove: p0", "remove: p1", "remove: p2").apply())
                .withMessageContaining("nothing is left");
        for (String target : List.of("../p", "a/b", "..", ".p", " ", "a\\b")) {
            assertThatIllegalArgumentException().isThrownBy(() -> Decision.moveTo(target));
        }
    }

    private CleaningReport report() {
        return new CleaningReport(
                dataset,
                List.of(
                        finding(ReviewList.DUPLICATES, "remove", 0.5, "p0", "1.png"),
                        finding(ReviewList.DUPLICATES, "remove", 0.75, "p1", "2.png"),
                        finding(ReviewList.SAME_PERSON, "move to p1", 0.9, "p2", "")));
    }

    @Test
    void listsAreTheSameBytesEachTimeAndComeBack() throws IOException {
        report().writeTo(folder.resolve("review"));
        assertThat(Files.readAllLines(folder.resolve("review/duplicates.tsv")))
                .containsExactly(
                        "decision\tscore\tidentity\timage\tother\treason",
                        "remove\t0.7500\tp1\t2.png\t\twhy",
                        "remove\t0.5000\tp0\t1.png\t\twhy");
        List<byte[]> before = contents("review");
        report().writeTo(folder.resolve("review"));
        assertThat(contents("review")).hasSize(ReviewList.values().length).containsExactlyElementsOf(before);
        assertThat(places(CleaningPlan.read(folder.resolve("review"), dataset).apply()))
                .containsExactlyInAnyOrderElementsOf(places(report().plan().apply()));
    }

    private List<byte[]> contents(String name) throws IOException {
        List<byte[]> contents = new ArrayList<>();
        for (String file : Folders.relativeFiles(folder.resolve(name))) {
            contents.add(Files.readAllBytes(folder.resolve(name).resolve(file)));
        }
        return contents;
    }

    @Test
    void anEditedListCounts() throws IOException {
        Path review = folder.resolve("review");
        report().writeTo(review);
        Files.writeString(
                review.resolve("duplicates.tsv"),
                "\ufeffdecision\tscore\tidentity\timage\r\nKEEP\t0.7500\tp1\t2.png\r\n\r\n"
                        + "\"Move to Ann, the \"\"other\"\"\"\t\t\"p0\"\t1.png\r\n");
        Files.delete(review.resolve("same-person.tsv"));
        assertThat(places(CleaningPlan.read(review, dataset).apply()))
                .hasSize(8)
                .contains("p1/2.png", "Ann, the \"other\"/1.png")
                .doesNotContain("p0/1.png");
    }

    @Test
    void mistakesAreNamedWithTheirLine() throws IOException {
        Path review = Files.createDirectories(folder.resolve("review"));
        assertMistake("", "holds none of the lists");
        String header = "decision\tscore\tidentity\timage\n";
        assertMistake("remove\t1\tp0\t0.png\n", "line 1 must be the names of the columns");
        assertMistake(header + "\nremove\t1\tp0\n", "line 3 has 3 columns");
        assertMistake(header + "delete\t1\tp0\t0.png\n", "line 2: \"delete\" is no decision");
        assertMistake(header + "move to ../x\t1\tp0\t0.png\n", "line 2: \"../x\" cannot be a person");
        assertMistake(header + "remove\t1\tp7\t\n", "line 2: there is no person \"p7\"");
        assertMistake(header + "keep\t1\tp0\t7.png\n", "line 2: p0 has no image \"7.png\"");
        assertMistake(header + "move to p1\t1\tp0\t\nmove to p0\t1\tp1\t\n", "circle");
        Files.write(review.resolve("outliers.tsv"), new byte[] {'d', (byte) 0xff, '\n'});
        assertThatThrownBy(() -> CleaningPlan.read(review, dataset)).hasMessageContaining("UTF-8");
    }

    private void assertMistake(String content, String message) throws IOException {
        Path review = folder.resolve("review");
        if (!content.isEmpty()) {
            Files.writeString(review.resolve("outliers.tsv"), content);
        }
        assertThatThrownBy(() -> CleaningPlan.read(review, dataset))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(message);
    }

    @Test
    void namesOfAllKindsComeBack() throws IOException {
        List<Face> faces = new ArrayList<>();
        for (String name : List.of("tab\there", "line\nend\r", "back\\slash\\t", "\"quoted\"", "ünï")) {
            faces.add(new Face(name, folder.resolve("x").resolve("a\t.png")));
        }
        dataset = FaceDataset.of(faces);
        List<Finding> findings = faces.stream()
                .map(face -> finding(ReviewList.UNREADABLE, "remove", 1, face.identity(), face.fileName()))
                .toList();
        new CleaningReport(dataset, findings).writeTo(folder.resolve("review"));
        assertThat(CleaningPlan.read(folder.resolve("review"), dataset).removedImages())
                .isEqualTo(5);
    }

    @Test
    void isWrittenIntoAFolderOfItsOwn() throws IOException {
        Path into = folder.resolve("clean");
        List<byte[]> source = contents("data");
        CleaningPlan plan = plan("remove: p0/1.png", "move to p1: p0/2.png", "move to p1: p2", "move to new: p1/0.png");
        for (Placement placement : Placement.values()) {
            plan.writeTo(into.resolve(placement.toString()), placement);
            assertThat(Folders.relativeFiles(into.resolve(placement.toString())))
                    .containsExactly(
                            "new/0.png", "p0/0.png", "p1/0.png", "p1/1.png", "p1/2.png", "p1/p0-2.png", "p1/p2-1.png");
            assertThat(into.resolve(placement + "/p1/p2-1.png")).hasBinaryContent(new byte[] {2, 1});
        }
        Path half = into.resolve("COPY");
        Files.delete(half.resolve("p1/p2-1.png"));
        plan.writeTo(half, Placement.COPY);
        assertThat(half.resolve("p1/p2-1.png")).exists();
        assertThat(contents("data")).containsExactlyElementsOf(source);
    }

    @Test
    void touchesNothingElse() throws IOException {
        CleaningPlan plan = plan("remove: p0/1.png");
        for (String place : List.of("data", "data/clean", "data/p0/clean", "data/../data/new")) {
            assertThatThrownBy(() -> plan.writeTo(folder.resolve(place)))
                    .hasMessageContaining("the data set's own folder");
        }
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("data"));
        assertThatThrownBy(() -> plan.writeTo(link.resolve("new"))).hasMessageContaining("the data set's own folder");
        Path into = folder.resolve("clean");
        Files.createDirectories(into.resolve("p0"));
        Files.write(into.resolve("p0/0.png"), new byte[] {9});
        assertThatThrownBy(() -> plan.writeTo(into)).hasMessageContaining("exists and is not");
        Files.delete(into.resolve("p0/0.png"));
        Files.write(into.resolve("p0/7.png"), new byte[] {9});
        assertThatThrownBy(() -> plan.writeTo(into)).hasMessageContaining("is not part of this plan");
        Files.delete(into.resolve("p0/7.png"));
        Files.createDirectories(into.resolve("p9"));
        assertThatThrownBy(() -> plan.writeTo(into)).hasMessageContaining("is not part of this plan");
        assertThat(Folders.relativeFiles(into)).isEmpty();
        assertThat(Folders.relativeFiles(folder.resolve("data"))).hasSize(8);
    }

    @Test
    void imagesFromElsewhereAreCopied() throws IOException {
        dataset = FaceDataset.of(
                List.of(Face.of("p0", Path.of("a.png"), () -> new byte[] {1}), Face.of("p0", Path.of("b.png"), () ->
                        new byte[] {2})));
        CleaningPlan plan = plan("move to p1: p0/b.png");
        plan.writeTo(folder.resolve("clean"));
        plan.writeTo(folder.resolve("clean"));
        assertThat(folder.resolve("clean/p1/b.png")).hasBinaryContent(new byte[] {2});
        assertThat(plan.apply().faces().get(1).bytes()).containsExactly(2);
    }
}
