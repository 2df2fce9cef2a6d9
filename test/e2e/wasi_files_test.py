"""Files of WASI programs: what C and Rust programs do with them, in a folder and in one for reading."""

import json
import os

import calling
import support

# What the guest prints where it may not change anything; everything else is as in a folder that it may change.
C = """mkdir: ok
write: ok
read: ok
append: ok
read what was appended: ok
truncate: ok
times: ok
rename: ok
link: ok
symlink: ok
readlink: ok
read through the link: ok
list: ok
rmdir of a full folder: Directory not empty
unlink: ok
rmdir: ok
read what is there: ok
write what is there: ok
remove what is there: ok
leave by two dots: Operation not permitted
leave by a link: Operation not permitted
link to an absolute path: Operation not permitted
elsewhere: Capabilities insufficient
"""
RUST = """create_dir_all: ok
read and write: ok
create_new again: AlreadyExists
append: ok
set_len: ok
set_times: ok
copy: ok
rename: ok
hard_link: ok
list: ok
metadata: ok
remove_dir of a full folder: %s
remove_dir_all: ok
is gone: ok
read what is there: ok
write what is there: ok
open what is there for writing: ok
remove what is there: ok
leave by two dots: PermissionDenied
leave by a link: PermissionDenied
a file that is not there: NotFound
"""
CHANGES = {"mkdir", "write", "append", "truncate", "times", "rename", "link", "symlink", "rmdir of a full folder",
           "unlink", "rmdir", "write what is there", "remove what is there", "link to an absolute path",
           "create_dir_all", "read and write", "create_new again", "set_len", "set_times", "hard_link",
           "remove_dir of a full folder", "open what is there for writing"}


class Files(calling.Test):
    def folder(self):
        base = self.project(text="", files={"outside": "secret"})
        inside = os.path.join(base, "inside")
        os.mkdir(inside)
        self.write(inside, "there", "there")
        os.symlink("../outside", os.path.join(inside, "way"))
        return inside

    def run_in(self, guest, prefix, inside):
        done = self.call(self.guest(guest), "_start", "--allow-path", "%s%s:/f" % (prefix, inside), "--", "/f")
        self.assertEqual((0, ""), (done.code, done.errors))
        return done.output.decode()

    def test_a_c_program_has_its_way_in_its_folder(self):
        inside = self.folder()
        self.assertEqual(C, self.run_in("wasi_tree", "", inside))
        self.assertEqual(["way"], os.listdir(inside))

    def test_a_rust_program_has_its_way_in_its_folder(self):
        inside = self.folder()
        told = self.run_in("rust_files", "", inside)
        # Newer standard libraries have a name for it.
        self.assertIn(told, (RUST % "DirectoryNotEmpty", RUST % "Uncategorized"))
        self.assertEqual(["way"], os.listdir(inside))

    def refused(self, guest, refusal):
        inside = self.folder()
        told = dict(line.split(": ") for line in self.run_in(guest, "ro:", inside).splitlines())
        changes = CHANGES & set(told)
        self.assertGreater(len(changes), 10)
        self.assertEqual({refusal}, {told[step] for step in changes})
        self.assertEqual("ok", told["read what is there"])
        self.assertEqual(["there", "way"], sorted(os.listdir(inside)))
        with open(os.path.join(inside, "there")) as file:
            self.assertEqual("there", file.read())

    def test_a_c_program_changes_nothing_in_a_folder_for_reading(self):
        self.refused("wasi_tree", "Operation not permitted")

    def test_a_rust_program_changes_nothing_in_a_folder_for_reading(self):
        self.refused("rust_files", "PermissionDenied")

    def test_a_go_program_reads_files(self):
        inside = self.folder()
        self.answers(b"there", self.guest("go_echo"), "read_file", "-i", "/f/there", "--allow-path", "ro:%s:/f" % inside)
        self.fails(calling.GUEST_ERROR, "", self.guest("go_echo"), "read_file", "-i", "/f/way", "--allow-path",
                   "%s:/f" % inside)

    def test_a_served_function_finds_the_folders_of_its_manifest_beside_it(self):
        self.need_capability("suspends")
        manifest = {"wasm": [{"path": self.guest("wasi_files")}], "allowed_paths": {"ro:data": "/data"}}
        project = ('[functions.read]\nmanifest = "plugin.json"\nexport = "read_file"\nroute = "POST /read"\n'
                   '[functions.write]\nmanifest = "plugin.json"\nexport = "write_file"\nroute = "POST /write"\n')
        folder = self.project(text=project, files={"plugin.json": json.dumps(manifest)})
        os.mkdir(os.path.join(folder, "data"))
        self.write(os.path.join(folder, "data"), "file", "content")
        server = self.start(folder, "--workers", "1")
        self.assertEqual((200, b"content"), server.post("/read", b"/data/file"))
        status, answer = server.post("/write", b"/data/file\nx")
        self.assertEqual(500, status)
        self.assertIn(b"Operation not permitted", answer)
        self.assertEqual(500, server.post("/read", b"/data/../plugin.json")[0])


if __name__ == "__main__":
    support.main()
