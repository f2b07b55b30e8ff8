"""Handwriting fonts from npm: letters that are no digits, and digits of other hands.

The packages of fontsource.org carry Google's fonts under the SIL Open Font License or the
Apache License. npm downloads them, nothing in them is run, and a file whose hash is
another is refused.
"""

import hashlib
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.models.manifest import sha256_of
from digit_runtime.storage.atomic import writing

from digit_train.data.sources import SourceError, make_room, run_child

_AT_ONCE: Final = 20
_LIMIT_S: Final = 600.0


@dataclass(frozen=True)
class Font:
    """One font: its package ``@fontsource/name``, that version, and its file's hash."""

    name: str
    version: str
    sha256: str
    held_out: bool
    """Never trained with, only measured by: every third, in the order of their names."""

    @property
    def member(self) -> str:
        """The file in the package."""
        return f"package/files/{self.name}-latin-400-normal.woff"


def fetch(folder: Path, say: Callable[[str], None] = lambda line: None) -> int:
    """Make `folder` hold ``NAME.woff`` of all `FONTS`; returns how many were missing.

    Raises:
        SourceError: npm is missing, fails, or brings another file than the known one.
        OutputError: The folder is not writable.
    """
    missing = [font for font in FONTS if not is_there(font, folder)]
    make_room(folder, [file_name(font) for font in missing])
    for start in range(0, len(missing), _AT_ONCE):
        some = missing[start : start + _AT_ONCE]
        say(f"fonts {start + 1} to {start + len(some)} of {len(missing)}")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as download:
            packages = [f"@fontsource/{font.name}@{font.version}" for font in some]
            run_child(["npm", "pack", "--pack-destination", download, *packages], _LIMIT_S)
            for font in some:
                archive = Path(download, f"fontsource-{font.name}-{font.version}.tgz")
                with writing(folder / file_name(font)) as stream:
                    stream.write(_unpacked(font, archive))
    return len(missing)


def file_name(font: Font) -> str:
    """Return the name of a font's file in the folder of fonts."""
    return f"{font.name}.woff"


def is_there(font: Font, folder: Path) -> bool:
    """Tell whether the folder holds the known file."""
    file = folder / file_name(font)
    return file.is_file() and sha256_of(file) == font.sha256


def _unpacked(font: Font, archive: Path) -> bytes:
    try:
        with tarfile.open(archive) as package:
            stream = package.extractfile(font.member)
            data = stream.read() if stream else b""
    except (OSError, KeyError, tarfile.TarError) as error:
        raise SourceError(f"{archive.name}: is damaged: {error}") from error
    if hashlib.sha256(data).hexdigest() != font.sha256:
        raise SourceError(f"{archive.name}: {font.member} is not the known file: refused")
    return data


_PINS: Final = """
amatic-sc 5.3.0 d71215390a3620f0f1eb98960fe50a25743efa302f050f015000eb5f942ec74e
annie-use-your-telescope 5.3.0 555a3ba045673dfa29aa1b2ed52f17772212380d2da9a79dc813ef51e26b0147
architects-daughter 5.3.0 0249dd5f81431dbf8a8406996c43f8018bf707221cf261d75145f083bb7091cf
bad-script 5.3.0 07202e03862cf10af6c0a9f5cfce39ef10e1923b64b965c3185b5ddef61b91f1
balsamiq-sans 5.3.0 78c1aa584e03eb5163e0eaa8366c03d5dcedd1370f2ca58f6ac8e1185280a551
caveat 5.3.0 38b98dbeb922a14a74dfb41f83fc24e0e645e2eed9ce72145fefbdae8828cbfb
caveat-brush 5.3.0 2c57f92c541e3d7c8050ca99d8ce3f6ee2f64cbdfe72f304f6d7683f0db388ba
cedarville-cursive 5.3.0 8d8360a98492b42d02c17e94c38bcd2a3cce6db6b9b430f3a110e71f81d7149c
comic-neue 5.3.0 54c45748205d08203132f268717d38a32e107a369081a0467e9aa7750668c10d
comic-relief 5.3.0 39976295c00d8f1b88a8fc9f2c44c9a78986dd205211fede15b6d99dcc806af9
cookie 5.3.0 15a6cbd163886857d89b3d5743237d606ab45002d00e5cc8d317d7df7bc65b7e
courgette 5.3.0 8cacc9a075ce6f2c68e0689b1be992376cf72ed0adf9a577cd9e0a8663b9d459
covered-by-your-grace 5.3.0 876d8371eedf1f9add237910aea034ca42cd5bdc8f7d722c7a04819ab3f711b8
damion 5.3.0 8246dbcc6c2409f46f364937f59e9813e27f84163a6c4ef3277a211d4c164f70
dancing-script 5.3.0 3e114c39b274829edb96a698275563336a42ec5c2a9c1fb7d7108b8bb804bfd3
delicious-handrawn 5.3.0 35ce71897055be38672facf77da13ec0bde5d918ea90ae11e78b838b3a0aa01c
delius 5.3.0 eabc55870044215231d9f905b1b898926bcf588dc78e53523ea6590281b606f1
finger-paint 5.3.0 29952a27216b2056e34e36169f8255338567cdf7920bbc25d7d8b3cb770e3f76
freehand 5.2.8 2eccdf293a59dc82c4508bc4941677dd6369c8fd70df2545d4b1ebee729d052f
gaegu 5.3.0 6d4c9dac093fce05bcf214b7b1e9d60de7ecae8a22aa940d63e586bcf32cab29
gloria-hallelujah 5.3.0 31e7def8cf155d4dcc98216517ad509923a8a197bc9c8937668d04767c52040e
gochi-hand 5.3.0 82a4149218f2edccef96d2b0ed5bf92adc6ea290222bac4dcfa3de91afb6b3a3
grandstander 5.3.0 b6ef3a486f193f882d1cc66d2f34f083e521e04f56f3d835bcefafdfa3fb6178
handlee 5.3.0 9a8af5254df769bbdc196fd998231daec67c81dc3d6fd6f294ed80c2c4343551
happy-monkey 5.2.8 3866db98dccf5f04c3e5ff9ad62bd171f5b5ad311aec14b428db04ea654ebf2b
homemade-apple 5.3.0 998f34b48e0bcb8974dc6e8d94961a87689ca40e3258554d2f6fc3778b1968a3
indie-flower 5.3.0 2cf7154e899ad16246196238d6d13f0135c5feba2d8ccde5d97a22664d012660
itim 5.3.0 b226c76f3c05960cc30eaeca322d31cc5ecbeb4c693996d5d0964f892de12b46
kalam 5.3.0 70ab8c1d2c10a28f213c6f1c359888624d5e650ffcd64f93a8194c3e14403746
kiwi-maru 5.3.0 47b2a19a03b5df2169e3c20e4db1e0d72f3f3e10a5de63de0a9c3ef92476db70
licorice 5.3.0 71980143949c400f96354029d3c98b743018b69045b13bdbd6089150d692275f
long-cang 5.3.0 2392465c01aa8beaf5495ad22a8c006115e48a21f3a10ec774aaee7aef51522b
mansalva 5.3.0 956720ae5632b40a4f79e92b27b936e174a038aa41b8638d30965c61ab465aff
marck-script 5.3.0 c26db9210c0b2823550e11baaeb2b6d234e5e5a14e8e6497029f29844859610d
nanum-brush-script 5.3.0 4b1a6cfcd3147291f434cbf6a7b83fdaeba0f4c78190bb6290ef56650a3fc325
nanum-pen-script 5.3.0 08cdd640e142c977071b4c3d5c33fd9ec322990e540f5511ca2fccff4568d0ec
neucha 5.3.0 b0c09e2ecd7d760fb997f926f2d15e53c57561802fb071a317832942536ca82a
oooh-baby 5.3.0 8adff98725aa267417e7cc2543a08056d22a170bea51de1b368c60a217e7a2bd
patrick-hand 5.3.0 0f7031f6665437e04d6f354c5f64d6ae6777b498afbe804638c45b957a7ce8aa
permanent-marker 5.3.0 ab8ac2bb72d48e089e37d8eefbacdfe2d74ccd48ae786d952fce9874837d2b2b
playpen-sans 5.3.0 25b16389b5a9978b1b9949398c494451d02c738f837e64095601e1c8447341fb
poor-story 5.3.0 15608168b3f53bff2060591a8a6953c9ab1c91eb19529e15b973ac2b70ca709f
reenie-beanie 5.3.0 1b86681155e125625f01839b2e6688dde2b2a7766a8eb49645b3a8707c2bee9f
rock-salt 5.3.0 358d065405a805204d48cc51cc48a8447f8d86369aa05d44c70e0111d7ee7e29
satisfy 5.3.0 5d08f3999955e4cc4eb26cc27496751a9b15f9cd47d69332d2c7f8902ced3f49
schoolbell 5.3.0 a448b8f4209a8ca16adc48753170f40a57e17f70675963e092501ed48842e4c8
shadows-into-light 5.3.0 93cff8110a18bb3e1fb0179c95f706ed1e8037e2e527c4cb425b46deaddbd975
shantell-sans 5.3.0 8aa8fe63633c806fac26f8ae5c712851eb67d8e1cd34555873d4e60abe685d31
short-stack 5.3.0 db596e8545afc95f708ad2d5ac878771998f7378da84c56759527fbdb02f5836
sniglet 5.3.0 db97d0e1a3b5f2b5461816be2721ae4254423e482ada8a4a5ff86cb01a1186fd
sriracha 5.3.0 5d58be0698ba9a1b621ca2fa6d44e0b08b50fed7d913c956a4c0a9fd9fbfaa40
sue-ellen-francisco 5.3.0 e2c988155c07d4a26b81216397fa1841af0916c9737a61e05ea38bd1bd5361b1
swanky-and-moo-moo 5.3.0 f4f292b60677133249ab543ca178fa6786d3dd9681899ef7ccde255bf956aced
the-girl-next-door 5.3.0 301aabf8a983d1231988eea6e125338a3933bd69de8b14137df80840c8d8c5e8
yomogi 5.3.0 889ffc6f4e2587b8bd94d0b2c7ddd2f7bb3d89b25be1b6f3290775620a204210
yusei-magic 5.3.0 dd128dd9f4b47b7afee6ea8bfdf2ae3cfca3de957cbef74aaa2484fbddb35630
zen-kurenaido 5.3.0 1e20aeb08f255fbcf0ab5ccd03296d18bbeac3cefdb95e09c5b1676d73ac33b7
zhi-mang-xing 5.3.0 e003a2de2a5db5adab3a36a2ee041f034ba611edf29d57aa706aa86dc17e9c76
"""

FONTS: Final = tuple(
    Font(name, version, sha256, held_out=index % 3 == 0)
    for index, (name, version, sha256) in enumerate(map(str.split, _PINS.strip().splitlines()))
)
