"""A person's own account: the password and the sessions."""

from tests.api.desk import Desk
from tests.console.visitor import PASSWORD, Visitor, a_visitor, rows

NEW = "another four words"


async def test_changing_the_password(desk: Desk, doctor: Visitor) -> None:
    """What is wrong is said in the reader's words and nothing changes; then other sessions end and this one stays."""
    async with a_visitor(desk) as elsewhere:
        await elsewhere.sign_in()
        for old, new, again, said in (
            ("a wrong one", NEW, NEW, "Теперішній пароль неправильний"),
            (PASSWORD, NEW, "else", "двічі введено по-різному"),
            (PASSWORD, "short", "short", "від 12 до 200"),
            (PASSWORD, "Оксана Коваль", "Оксана Коваль", "вашим логіном чи іменем"),
            (PASSWORD, "passwordpassword", "passwordpassword", "одним із перших"),
        ):
            seen = await doctor.post("/account/password", old_password=old, password=new, again=again)
            assert (seen.status, said in seen.text) == (422, True), said
            assert new not in seen.text.replace("Оксана Коваль</a>", "")
        assert (await elsewhere.get("/print")).status == 200
        changed = await doctor.post("/account/password", old_password=PASSWORD, password=NEW, again=NEW)
        assert (changed.status, changed.to) == (303, "/account?done=password")
        assert "Пароль змінено" in (await doctor.get(changed.to)).text
        assert (await elsewhere.get("/print")).to == "/sign-in"
        assert (await elsewhere.sign_in(password=NEW)).to == "/"


async def test_guessing_the_old_password_is_slowed(desk: Desk, doctor: Visitor) -> None:
    """Whoever sits before somebody's open session has a few guesses, not many."""
    ends = [
        (await doctor.post("/account/password", old_password="a wrong one", password=NEW, again=NEW)).status
        for _ in range(8)
    ]
    assert ends[:5] == [422] * 5
    assert 429 in ends


async def test_ending_sessions(desk: Desk, doctor: Visitor) -> None:
    """All of one's sessions are listed; one is ended, or all; somebody else's cannot be."""
    async with a_visitor(desk) as elsewhere, a_visitor(desk) as other:
        await elsewhere.sign_in()
        page = await doctor.get("/account")
        assert (
            page.text.count("/account/sessions/0") + page.text.count("Завершити</button>") >= 2,
            "цей сеанс" in page.text,
        ) == (True, True)
        assert page.text.count("127.0.0.0/24") == 2
        await desk.people.add("other", "Інша", "doctor", "mis-1", PASSWORD)
        await other.sign_in("other")
        ids = [
            str(row[0]) for row in await rows(desk, "SELECT id FROM session WHERE login <> 'other' ORDER BY created_at")
        ]
        assert (await other.post(f"/account/sessions/{ids[0]}/end")).status == 404
        assert (await doctor.post(f"/account/sessions/{ids[1]}/end")).to == "/account?done=session"
        assert (await elsewhere.get("/print")).to == "/sign-in"
        assert (await doctor.post("/account/sessions/end")).to == "/sign-in"
        assert (await doctor.get("/print")).to == "/sign-in"
        assert (await other.get("/print")).status == 200
        mine = str((await rows(desk, "SELECT id FROM session WHERE login = 'other'"))[0][0])
        assert (await other.post(f"/account/sessions/{mine}/end")).to == "/sign-in"
