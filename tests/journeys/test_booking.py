from tests.factories import make_event


def test_smoke(page):
    make_event(name="Jazz")
    page.goto("/")
    assert page.get_by_text("Jazz").first.is_visible()
